/** The command from its arguments to its exit code, with everything it touches given to it. */
import { createRequire } from 'node:module'
import { HyperError, systemCodeOf } from '../errors.ts'
import { type CommandLine, type Notice, parseArguments } from './arguments.ts'
import { configuredOptions } from './config.ts'
import { watchFrames } from './debug.ts'
import { ExitCode, exitCodeOf, isUsage, OutputClosedError, UsageError } from './failures.ts'
import { hintFor, messageOf } from './hints.ts'
import { Sink, type Stream } from './sink.ts'
import type { Input } from './stdin.ts'
import { harmless, harmlessLine } from './text.ts'
import { Stopwatch, waterfall } from './timing.ts'

/** What the command reads from and writes to. */
export interface CommandIO {
  readonly stdin: Input
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: Readonly<Record<string, string | undefined>>
  /** Ends the command; its reason is an `InterruptedError`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs the command. Never rejects.
 * @param argv what stands behind the command's name.
 * @returns the exit code; what was written may still be on its way.
 */
export async function run(argv: readonly string[], io: CommandIO): Promise<number> {
  const abort = new AbortController()
  const signal = io.signal === undefined ? abort.signal : AbortSignal.any([io.signal, abort.signal])
  const sink = new Sink(io.stdout, signal, (error) => abort.abort(error))
  const say = (text: string): void => {
    if (!io.stderr.destroyed) io.stderr.write(`${text}\n`)
  }
  let line: CommandLine | undefined
  try {
    const version = packageVersion()
    const parsed = parseArguments(argv, version, configuredOptions(io.env))
    if ('notice' in parsed) {
      for await (const text of textOf(parsed)) await sink.write(text)
      await sink.flush()
      return ExitCode.OK
    }
    line = parsed
    const code = await watched(parsed, io, sink, signal, version, say)
    await sink.flush()
    return code
  } catch (error) {
    const cause = signal.aborted ? signal.reason : error
    report(cause, line, argv, say)
    return exitCodeOf(cause)
  } finally {
    sink.release()
  }
}

async function watched(
  line: CommandLine,
  io: CommandIO,
  sink: Sink,
  signal: AbortSignal,
  version: string,
  say: (text: string) => void,
): Promise<number> {
  const unwatch = line.options.debug ? watchFrames(say) : undefined
  const { trace } = line.options
  const untrace = trace === undefined ? undefined : (await import('./trace.ts')).writeTrace(trace)
  const watch = new Stopwatch()
  const quiet = line.options.quiet ?? 0
  const warn = (message: string): void => {
    if (quiet < 2) say(`hyper: warning: ${harmlessLine(message)}`)
  }
  const note = (message: string): void => {
    if (quiet === 0) say(`hyper: ${harmlessLine(message)}`)
  }
  try {
    // What --help and a wrong argument have no need of is not loaded for them.
    const { perform } = await import('./exchange.ts')
    return await perform(line, { ...pick(io), sink, signal, version, watch, warn, note })
  } finally {
    watch.stop()
    if (line.options.timing) for (const row of waterfall(watch.laps)) say(harmlessLine(row))
    unwatch?.()
    untrace?.()
  }
}

/** What is written seldom is loaded only then. */
async function* textOf({ notice, text }: Notice): AsyncGenerator<string, void, undefined> {
  if (notice === 'man') yield (await import('./man.ts')).manualPage(text)
  else if (notice === 'completion') yield (await import('./completion.ts')).completions(text)
  else if (notice === 'trace') yield* (await import('./trace.ts')).traceTable(text)
  else yield text
}

/** Only these: `io` may be `process` itself. */
function pick({ stdin, stderr, env }: CommandIO): Pick<CommandIO, 'stdin' | 'stderr' | 'env'> {
  return { stdin, stderr, env }
}

/** Options that show stack traces, also of an error in what stands beside them. */
const STACKS: ReadonlySet<string> = new Set(['--debug', '--traceback'])

/** One line, and more with --debug and --traceback. */
function report(
  error: unknown,
  line: CommandLine | undefined,
  argv: readonly string[],
  say: (text: string) => void,
): void {
  if (error instanceof OutputClosedError) return
  const code = error instanceof HyperError ? error.code : systemCodeOf(error)
  const hint = hintFor(error)
  const text = hint === undefined ? messageOf(error) : `${messageOf(error)}; ${hint}`
  say(`hyper: error: ${harmlessLine(text)}${code === undefined ? '' : ` (${code})`}`)
  if (error instanceof UsageError && error.detail !== undefined) say(error.detail)
  if (isUsage(error)) say("Try 'hyper --help'.")
  const isTold =
    line === undefined ? argv.some((word) => STACKS.has(word)) : line.options.debug || line.options.traceback
  if (isTold) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) say(harmless(cause.stack ?? cause.message))
  }
}

function packageVersion(): string {
  const manifest: { readonly version: string } = createRequire(import.meta.url)('hyper-transport/package.json')
  return manifest.version
}
