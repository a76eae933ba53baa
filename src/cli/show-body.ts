/**
 * Bodies as they are shown: as they are in a pipe; on a terminal as text, JSON made readable, and nothing that is not text.
 *
 * Text is shown as it arrives. JSON has to be whole before it can be written anew, so it is kept up to a limit; beyond it,
 * and when it is not valid, it is text.
 */
import type { HTTPResponse } from '../client/response.ts'
import { isJsonText, renderJson } from './json.ts'
import { isJson, textDecoderFor } from './media-types.ts'
import type { Painter } from './paint.ts'
import type { Sink } from './sink.ts'

/** Octets of JSON that are kept to be written anew. */
const MAX_JSON = 1 << 24

/**
 * @param begin called before anything is shown, if there is something.
 * @returns was it read to its end?
 */
export async function showBody(
  response: HTTPResponse,
  sink: Sink,
  painter: Painter,
  begin: () => Promise<void>,
): Promise<boolean> {
  const chunks = response.readChunked()
  const first = await chunks.next()
  if (first.done === true) return true
  await begin()
  const type = response.headers.text('content-type')
  const binary = !painter.raw && isBinary(first.value, type)
  if (binary && painter.isTerminal) {
    return noteBinary(response, first.value.length, chunks, sink, painter)
  }
  if (painter.raw || binary) {
    await sink.write(first.value)
    for await (const chunk of chunks) await sink.write(chunk)
    return true
  }
  const view = new TextView(type, sink, painter)
  try {
    await view.push(first.value)
    for await (const chunk of chunks) await view.push(chunk)
  } catch (error) {
    await view.giveUp()
    throw error
  }
  await view.end()
  return true
}

/** Shows text that is all there. */
export async function showText(text: string, type: string | undefined, sink: Sink, painter: Painter): Promise<void> {
  if (painter.raw) return sink.write(text)
  const view = new TextView(type, sink, painter)
  await view.push(Buffer.from(text))
  await view.end()
}

class TextView {
  private readonly sink: Sink
  private readonly painter: Painter
  private readonly decoder: InstanceType<typeof TextDecoder>
  /** JSON that has come so far. */
  private kept: string[] | undefined
  private octets = 0
  /** A carriage return may belong to the line feed that follows. */
  private held = ''

  constructor(type: string | undefined, sink: Sink, painter: Painter) {
    this.sink = sink
    this.painter = painter
    this.decoder = textDecoderFor(type)
    this.kept = painter.looksAtJson && isJson(type) ? [] : undefined
  }

  async push(chunk: Uint8Array): Promise<void> {
    const text = this.decoder.decode(chunk, { stream: true })
    if (this.kept === undefined) return this.show(text)
    this.kept.push(text)
    this.octets += chunk.length
    if (this.octets > MAX_JSON) await this.giveUp()
  }

  /** It will not be whole: what is kept is text. */
  async giveUp(): Promise<void> {
    const { kept } = this
    this.kept = undefined
    for (const one of kept ?? []) await this.show(one)
  }

  async end(): Promise<void> {
    const rest = this.decoder.decode()
    if (this.kept === undefined) {
      await this.show(rest)
    } else {
      const text = this.kept.join('') + rest
      if (!isJsonText(text)) await this.show(text)
      else await this.showJson(text)
    }
    const { held } = this
    this.held = ''
    await this.sink.write(this.painter.text(held))
  }

  private async showJson(text: string): Promise<void> {
    const { painter } = this
    for (const piece of renderJson(text, painter.formats, (token, kind) => painter.token(token, kind))) {
      await this.sink.write(piece)
      await this.sink.breathe()
    }
  }

  private async show(text: string): Promise<void> {
    let shown = this.held + text
    this.held = ''
    if (shown.endsWith('\r')) {
      this.held = '\r'
      shown = shown.slice(0, -1)
    }
    await this.sink.write(this.painter.text(shown))
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
  await sink.write(`${painter.paint('dim', binaryNote(octets))}\n`)
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
