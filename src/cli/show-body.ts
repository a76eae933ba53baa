/** Bodies as they are shown: as they are in a pipe; on a terminal as text, and nothing that is not text. */
import type { HTTPResponse } from '../client/response.ts'
import { textDecoderFor } from './media-types.ts'
import type { Painter } from './paint.ts'
import type { Sink } from './sink.ts'
import { TextView } from './text-view.ts'

/** How a body is looked at, whatever it says of itself. */
export interface Looks {
  readonly charset?: string | undefined
  readonly mime?: string | undefined
  /** Each line as it comes. */
  readonly byLine?: boolean | undefined
}

/**
 * @param begin called before anything is shown, if there is something.
 * @returns was it read to its end?
 */
export async function showBody(
  response: HTTPResponse,
  body: AsyncIterable<Uint8Array>,
  sink: Sink,
  painter: Painter,
  looks: Looks,
  begin: () => Promise<void>,
): Promise<boolean> {
  const chunks = body[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done === true) return true
  await begin()
  const type = typeOf(response, looks)
  const binary = !painter.raw && isBinary(first.value, type)
  if (binary && painter.isTerminal) {
    return noteBinary(response, first.value.length, rest(chunks), sink, painter)
  }
  if (painter.raw || binary) {
    await sink.write(first.value)
    for await (const chunk of rest(chunks)) await sink.write(chunk)
    return true
  }
  const view = new TextView(type, sink, painter, looks.byLine)
  try {
    await view.push(first.value)
    for await (const chunk of rest(chunks)) await view.push(chunk)
  } catch (error) {
    await view.giveUp()
    throw error
  }
  await view.end()
  return true
}

/** Shows octets of ours: a body that is sent. */
export async function showOctets(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  type: string | undefined,
  sink: Sink,
  painter: Painter,
): Promise<void> {
  let view: TextView | undefined
  let raw: boolean | undefined
  for await (const chunk of body) {
    raw ??= painter.raw || isBinary(chunk, type)
    if (raw && painter.isTerminal) {
      await sink.write(`${painter.paint('comment', '(binary data, not shown on a terminal)')}\n`)
      return
    }
    view ??= new TextView(type, sink, painter)
    if (raw) await sink.write(chunk)
    else await view.push(chunk)
  }
  if (raw === false) await view?.end()
}

/** What a body says of itself, and what the user says of it. */
function typeOf({ headers }: HTTPResponse, { charset, mime }: Looks): string | undefined {
  const said = mime ?? headers.text('content-type')
  return charset === undefined ? said : `${(said ?? 'text/plain').split(';')[0]}; charset=${charset}`
}

async function* rest<T>(chunks: AsyncIterator<T>): AsyncGenerator<T, void, undefined> {
  try {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value
  } finally {
    await chunks.return?.()
  }
}

async function noteBinary(
  response: HTTPResponse,
  first: number,
  chunks: AsyncIterable<Uint8Array>,
  sink: Sink,
  painter: Painter,
): Promise<boolean> {
  const length = plainLength(response)
  const whole = length === undefined || length === first
  let octets = first
  if (whole) {
    for await (const chunk of chunks) octets += chunk.length
  } else {
    // The server says how much it is: it need not be sent for that.
    octets = length
    await response.close()
  }
  await sink.write(`${painter.paint('comment', binaryNote(octets))}\n`)
  return whole
}

function binaryNote(octets: number): string {
  return `(binary data of ${octets} octets, not shown on a terminal; -o FILE saves it)`
}

/** What content-length says about the body that is read: nothing when that is coded. */
export function plainLength({ headers }: HTTPResponse): number | undefined {
  const length = headers.text('content-length')
  if (length === undefined || !/^\d{1,15}$/.test(length)) return undefined
  const coding = headers.text('content-encoding')
  return coding === undefined || /^identity$/i.test(coding) ? Number(length) : undefined
}

/** Text has no NUL, unless it is UTF-16; and what calls itself something else than text is UTF-8 at least. */
function isBinary(chunk: Uint8Array, type: string | undefined): boolean {
  if (textDecoderFor(type).encoding.startsWith('utf-16')) return false
  if (chunk.includes(0)) return true
  if (/^\s*text\/|;\s*charset=/i.test(type ?? '')) return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(chunk, { stream: true })
    return false
  } catch {
    return true
  }
}
