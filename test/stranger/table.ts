/** What was tried, with what, and whether it went well: printed as it comes, with a line for each that did not at the end. */

export class Skipped extends Error {}

/** How wide each column is. */
const WIDTHS = [52, 20, 12, 8]

export class Table {
  private readonly failures: string[] = []
  private readonly since = performance.now()

  constructor() {
    this.print(['what', 'tool', 'version', '', 'ms'])
  }

  get failed(): boolean {
    return this.failures.length > 0
  }

  /** @param work what it returns stands behind the row: a figure. It throws when it fails, {@link Skipped} when it cannot be tried. */
  async row(what: string, tool: string, version: string, work: () => Promise<string | undefined>): Promise<void> {
    const start = performance.now()
    let word = 'yes'
    let note: string | undefined
    try {
      note = await work()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      word = error instanceof Skipped ? 'skipped' : 'NO'
      note = message.split('\n')[0]
      if (word === 'NO') this.failures.push(`${what}, ${tool} ${version}:\n${message}`)
    }
    this.print([what, tool, version, word, (performance.now() - start).toFixed(0), note ?? ''])
  }

  end(): void {
    console.log(`\n${((performance.now() - this.since) / 1000).toFixed(0)} s`)
    for (const failure of this.failures) console.error(`\n${failure}`)
  }

  private print(cells: readonly string[]): void {
    console.log(
      cells
        .map((cell, index) => cell.padEnd(WIDTHS[index] ?? 0))
        .join(' ')
        .trimEnd(),
    )
  }
}
