/**
 * --trace FILE: each frame of each HTTP/2 connection with its time, one JSON a line; and `hyper trace FILE`, which makes a table
 * of it. Values of fields that carry secrets are left out, as by --debug.
 */
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { performanceNow } from '../clock.ts'
import { toError } from '../errors.ts'
import { frameDetails, frameName } from '../frame/explain.ts'
import { describeFrame, type FrameMessage } from '../session/frame-message.ts'
import { UsageError } from './failures.ts'
import { harmlessLine } from './text.ts'

/** A line of the file. */
interface Entry {
  /** Milliseconds since the beginning. */
  readonly time: number
  readonly connection: number
  readonly origin: string
  readonly direction: 'sent' | 'received'
  /** The frame; undefined: more about the one before. */
  readonly frame: string | undefined
  /** Undefined: the connection. */
  readonly stream: number | undefined
  /** What there is to say beside these. */
  readonly text: string
}

/**
 * Writes until what is returned is called.
 * @throws {UsageError} when the file cannot be written.
 */
export function writeTrace(path: string): () => void {
  let file: number
  try {
    file = openSync(path, 'w', 0o600)
  } catch (error) {
    throw new UsageError(`${JSON.stringify(path)} cannot be written: ${toError(error).message}`, { cause: error })
  }
  const start = performanceNow()
  const listener: ChannelListener = (message) => {
    const { connection, origin, direction, ...facts } = message as FrameMessage
    const { frame } = facts
    const entry: Entry = {
      time: Math.round((performanceNow() - start) * 1000) / 1000,
      connection,
      origin,
      direction,
      frame: frame && frameName(frame),
      stream: frame?.streamId === 0 ? undefined : frame?.streamId,
      text: frame === undefined ? describeFrame(facts).trim() : frameDetails(frame),
    }
    writeSync(file, `${JSON.stringify(entry)}\n`)
  }
  subscribe('hyper:connection:frame', listener)
  return () => {
    unsubscribe('hyper:connection:frame', listener)
    closeSync(file)
  }
}

/** The table. @throws {UsageError} when the file is no trace. */
export function* traceTable(path: string): Generator<string, void, undefined> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${JSON.stringify(path)} cannot be read: ${toError(error).message}`, { cause: error })
  }
  yield `${'ms'.padStart(10)}  ${'gap'.padStart(8)}  con  stream  frame\n`
  let before = 0
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '') continue
    const entry = parseEntry(line)
    if (entry === undefined)
      throw new UsageError(`${JSON.stringify(path)} is not a trace: line ${i + 1} cannot be read as one`)
    const { time, connection, direction, stream, frame } = entry
    const arrow = direction === 'sent' ? '>' : '<'
    const shown = harmlessLine(entry.text)
    if (frame === undefined) {
      yield `${' '.repeat(35)}${shown}\n`
      continue
    }
    const gap = (time - before).toFixed(3)
    before = time
    const where = String(stream ?? '').padStart(6)
    const what = `${harmlessLine(frame)}${shown === '' ? '' : `: ${shown}`}`
    yield `${time.toFixed(3).padStart(10)}  ${gap.padStart(8)}  ${String(connection).padStart(3)}  ${where}  ${arrow} ${what}\n`
  }
}

function parseEntry(line: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    const { time, connection, origin, direction, frame, stream, text } = Object(entry)
    if (typeof time !== 'number' || typeof connection !== 'number' || typeof text !== 'string') return undefined
    if (direction !== 'sent' && direction !== 'received') return undefined
    return {
      time,
      connection,
      direction,
      text,
      origin: String(origin),
      frame: typeof frame === 'string' ? frame : undefined,
      stream: typeof stream === 'number' ? stream : undefined,
    }
  } catch {
    return undefined
  }
}
