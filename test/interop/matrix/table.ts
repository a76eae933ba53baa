/**
 * What came of each cell, and the page made of it.
 *
 * The page says nothing that changes from run to run: no times, no counts; versions and cells only. It is written when
 * every program was there and every cell came out well, so that a machine with fewer programs leaves it alone.
 */
import { writeFile } from 'node:fs/promises'

/** One program: a column of the page. */
export interface Column {
  readonly name: string
  /** What it says of itself; undefined when it is not installed. */
  readonly version: string | undefined
}

export class Table {
  readonly title: string
  readonly columns: readonly Column[]
  /** The behaviours, in the order of their first cell. */
  private readonly rows = new Map<string, Map<string, string>>()

  constructor(title: string, columns: readonly Column[]) {
    this.title = title
    this.columns = columns
  }

  /** The cell exists; nothing came of it yet. */
  expect(behaviour: string, column: string): void {
    this.row(behaviour).set(column, '')
  }

  /** It works. */
  works(behaviour: string, column: string): void {
    this.row(behaviour).set(column, 'yes')
  }

  /** The server cannot do it, and why. */
  notOffered(behaviour: string, column: string, reason: string): void {
    this.row(behaviour).set(column, `- ${reason}`)
  }

  /** Every program was there, every cell has come out well. */
  get complete(): boolean {
    return (
      this.columns.every(({ version }) => version !== undefined) &&
      [...this.rows.values()].every((row) => this.columns.every(({ name }) => (row.get(name) ?? '') !== ''))
    )
  }

  /** As a table of Markdown, with the reasons under it. */
  toString(): string {
    const names = this.columns.map(({ name }) => name)
    const reasons: string[] = []
    const lines = [...this.rows].map(([behaviour, row]) => {
      const cells = names.map((name) => {
        const cell = row.get(name) ?? ''
        if (!cell.startsWith('- ')) return cell || '?'
        const reason = cell.slice(2)
        if (!reasons.includes(reason)) reasons.push(reason)
        return `(${reasons.indexOf(reason) + 1})`
      })
      return `| ${behaviour} | ${cells.join(' | ')} |`
    })
    return [
      `## ${this.title}`,
      '',
      `| | ${names.join(' | ')} |`,
      `|---|${names.map(() => '---').join('|')}|`,
      `| version | ${this.columns.map(({ version }) => plainVersion(version)).join(' | ')} |`,
      ...lines,
      '',
      'Why not:',
      '',
      ...reasons.map((reason, at) => `${at + 1}. ${reason}`),
    ].join('\n')
  }

  private row(behaviour: string): Map<string, string> {
    let row = this.rows.get(behaviour)
    if (row === undefined) {
      row = new Map()
      this.rows.set(behaviour, row)
    }
    return row
  }
}

/** Writes the page when every table is complete; says what it did. */
export async function writePage(path: URL, tables: readonly Table[]): Promise<string> {
  if (!tables.every((table) => table.complete)) {
    return 'docs/interop.md is left as it was: a program is missing, or a cell did not run or did not work'
  }
  await writeFile(path, `${INTRODUCTION}\n${tables.map((table) => `\n${table}\n`).join('')}`)
  return 'docs/interop.md is written'
}

const INTRODUCTION = `# Servers and proxies

What was tested against real servers and proxies of other projects, through the public \`Pool\`, on the loopback interface.
\`npm run interop\` runs the tests against the versions that are installed, and writes this page if all of the programs are there.

"yes": a test shows that it works. A number: the server or proxy does not offer it, for the reason given under the table. Downloads
and uploads are compared octet by octet.`

/** The number alone, out of however the program puts it. */
function plainVersion(version: string | undefined): string {
  if (version === undefined) return 'not installed'
  return /\d+(?:\.\d+)+/.exec(version)?.[0] ?? version
}
