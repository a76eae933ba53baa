/** The tables that a person reads. */
import { styleText } from 'node:util'
import type { PoolStats } from 'hyper-transport'
import type { Outcome } from './scenarios.ts'
import type { Fate, Trial } from './trials.ts'

const NAME = 16

export class Report {
  private rows = 0
  private failures = 0
  private widths: number[] = []
  /** What went wrong, to be told below its table. */
  private faults: string[] = []

  /** A table with a row for each library, and a column for each request. */
  heading(text: string, columns: readonly string[]): void {
    console.log(`\n${styleText('bold', text)}  ${styleText('dim', 'milliseconds of each request')}\n`)
    this.widths = columns.map((name) => Math.max(name.length, 8) + 2)
    console.log(
      styleText(
        'dim',
        `  ${'library'.padEnd(NAME)}${columns.map((name, i) => name.padStart(this.widths[i])).join('')}`,
      ),
    )
  }

  /** Runs one after the other, and fills a row. */
  async library(name: string, runs: readonly (() => Promise<Outcome>)[]): Promise<void> {
    const cells: string[] = []
    let wrong = 0
    let last: Outcome | undefined
    for (const [i, run] of runs.entries()) {
      this.rows++
      const start = performance.now()
      try {
        last = await run()
        cells.push((performance.now() - start).toFixed(1).padStart(this.widths[i]))
      } catch (error) {
        wrong++
        const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
        const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
        this.faults.push(`${name}: ${text}${cause}`)
        cells.push(styleText('red', 'FAILED'.padStart(this.widths[i])))
      }
    }
    this.failures += wrong
    const mark = wrong === 0 ? styleText('green', '✓') : styleText('red', '✗')
    const status =
      runs.length === 1 && last !== undefined ? `  ${last.status}, ${last.protocol}, ${last.bytes} octets` : ''
    console.log(`${mark} ${name.padEnd(NAME)}${cells.join('')}${status}`)
  }

  connections(title: string, counted: number | undefined, { origins }: PoolStats): void {
    for (const fault of this.faults.splice(0)) console.log(styleText('red', `  ${fault}`))
    const ours = origins.map(({ origin, protocol, connections }) => `${connections} open to ${origin} (${protocol})`)
    const accepted =
      counted === undefined ? '' : `${title}: ${counted} TLS connection${counted === 1 ? '' : 's'} opened in all. `
    console.log(
      `\n  ${styleText('bold', accepted)}${styleText('dim', `The pool has ${ours.join(', ') || 'none open'}.`)}`,
    )
  }

  /** A table with a row for each library and trial, and a column for each mode. */
  comparison(modes: readonly string[]): void {
    console.log(
      `\n${styleText('bold', 'And without us?')}  ${styleText('dim', 'TLS connections, milliseconds, requests lost')}\n`,
    )
    console.log(
      styleText(
        'dim',
        `  ${'library'.padEnd(NAME)}${modes
          .map((mode) => mode.padEnd(COLUMN))
          .join('')
          .trimEnd()}`,
      ),
    )
  }

  trial({ name, what }: Trial): void {
    console.log(`  ${styleText('bold', name)}: ${what}`)
  }

  /** The last mode is ours: a request lost there is a failure. */
  fates(library: string, fates: readonly Fate[]): void {
    this.rows++
    const good = fates.at(-1)?.lost === 0
    if (!good) this.failures++
    const mark = good ? styleText('green', '✓') : styleText('red', '✗')
    console.log(`${mark} ${library.padEnd(NAME)}${fates.map(fateText).join('')}`.trimEnd())
  }

  problem(text: string): void {
    this.failures++
    console.log(styleText('red', text))
  }

  /** The last line; returns the exit status. */
  finish(): number {
    if (this.failures > 0) {
      console.log(`\n${styleText('red', `${this.failures} of ${this.rows} failed.`)}`)
      return 1
    }
    console.log(`\n${styleText('green', `All ${this.rows} passed.`)}`)
    return 0
  }
}

const COLUMN = 26

function fateText({ connections, milliseconds, lost, trailer }: Fate): string {
  const text = `${String(connections).padStart(3)} ${milliseconds.toFixed(0).padStart(6)} ms`
  const more = trailer ?? (lost === 0 ? '' : `${lost} lost`)
  const padded = `${text}  ${more}`.padEnd(COLUMN)
  return lost > 0 || trailer === 'not shown' ? padded.replace(more, styleText('red', more)) : padded
}
