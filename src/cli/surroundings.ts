/** What a run works with. */
import type { Environment } from './config.ts'
import type { Sink, Stream } from './sink.ts'
import type { Input } from './stdin.ts'
import type { Stopwatch } from './timing.ts'

export interface Surroundings {
  readonly stdin: Input
  readonly sink: Sink
  readonly stderr: Stream
  readonly env: Environment
  readonly version: string
  readonly signal: AbortSignal
  readonly watch: Stopwatch
  warn(message: string): void
  /** A line on standard error that is no warning. */
  note(message: string): void
}
