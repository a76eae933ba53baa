/** The table that a person reads. */
import { styleText } from 'node:util'
import type { PoolStats } from 'hyper-transport'
import type { Outcome } from './scenarios.ts'

const widths = [16, 19, 9, 10, 12, 11] as const
const header = ['library', 'request', 'status', 'protocol', 'bytes', 'time', 'trailer']

export class Report {
  private rows = 0
  private failures = 0
  private previous = ''

  heading(text: string): void {
    console.log(`\n${styleText('bold', text)}\n`)
    console.log(styleText('dim', `  ${line(header)}`))
    this.previous = ''
  }

  async row(library: string, request: string, run: () => Promise<Outcome>): Promise<void> {
    this.rows++
    const start = performance.now()
    const name = library === this.previous ? '' : library
    this.previous = library
    try {
      const { status, protocol, bytes, trailer } = await run()
      const time = `${(performance.now() - start).toFixed(1)} ms`
      const shown = trailer === null ? 'not shown by it' : (trailer ?? '')
      console.log(
        `${styleText('green', '✓')} ${line([name, request, String(status), protocol, bytes.toLocaleString('en'), time, shown])}`,
      )
    } catch (error) {
      this.failures++
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
      console.log(`${styleText('red', '✗')} ${line([name, request, 'FAILED'])} ${text}${cause}`)
    }
  }

  connections(title: string, counted: number | undefined, { origins }: PoolStats): void {
    const ours = origins.map(({ origin, protocol, connections }) => `${connections} open to ${origin} (${protocol})`)
    const accepted =
      counted === undefined ? '' : `${title}: ${counted} TLS connection${counted === 1 ? '' : 's'} opened in all. `
    console.log(
      `\n  ${styleText('bold', accepted)}${styleText('dim', `The pool has ${ours.join(', ') || 'none open'}.`)}`,
    )
  }

  problem(text: string): void {
    this.failures++
    console.log(styleText('red', text))
  }

  /** The last line; returns the exit status. */
  finish(): number {
    if (this.failures > 0) {
      console.log(`\n${styleText('red', `${this.failures} of ${this.rows} did not come out right.`)}`)
      return 1
    }
    console.log(`\n${styleText('green', `All ${this.rows} came out right.`)}`)
    return 0
  }
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => {
      const width = widths[index] ?? 0
      // Numbers are read from the right.
      return index === 4 || index === 5 ? `${cell.padStart(width - 2)}  ` : cell.padEnd(width)
    })
    .join('')
    .trimEnd()
}
