/**
 * Text on its way to whoever reads it: JSON and XML written anew, the rest as it arrives.
 *
 * JSON and XML have to be whole before they can be written anew, so they are kept up to a limit; beyond it, and when they are
 * not valid, they are text. Where a JSON text stands on each line (NDJSON, --stream), or behind `data:` (server-sent events),
 * each line is written as it comes. Text that begins as JSON does is taken for JSON: servers that say no better are many.
 */
import { isJsonText, renderJson, sortMembers } from './json.ts'
import { isEvents, isJson, isJsonLines, isSomeText, isXml, textDecoderFor } from './media-types.ts'
import type { Painter } from './paint.ts'
import type { Sink } from './sink.ts'
import { isXmlText, renderXml } from './xml.ts'

/** Octets of JSON, and of XML, that are kept to be written anew. */
const MAX_JSON = 1 << 24
const MAX_XML = 1 << 22

/** Characters of a line that are kept. */
const MAX_LINE = 1 << 20

type Kind = 'json' | 'xml' | 'lines' | 'events' | 'text' | 'unknown'

/** How JSON begins, and other text seldom does. */
const JSON_BEGIN = /^\s*(?:\{\s*["}]|\[\s*[[{"\]])/

export class TextView {
  private readonly sink: Sink
  private readonly painter: Painter
  private readonly decoder: ReturnType<typeof textDecoderFor>
  private kind: Kind
  /** What has come so far of what must be whole. */
  private kept: string[] = []
  private octets = 0
  /** A carriage return may belong to the line feed that follows. */
  private held = ''

  /** @param byLine each line is written as it comes. */
  constructor(type: string | undefined, sink: Sink, painter: Painter, byLine = false) {
    this.sink = sink
    this.painter = painter
    this.decoder = textDecoderFor(type)
    this.kind = painter.looksAtTokens ? kindOf(type, byLine) : 'text'
  }

  async push(chunk: Uint8Array): Promise<void> {
    const text = this.decoder.decode(chunk, { stream: true })
    if (this.kind === 'unknown') this.kind = JSON_BEGIN.test(text) ? 'json' : 'text'
    if (this.kind === 'text') return this.show(text)
    if (this.kind === 'lines' || this.kind === 'events') return this.pushLines(text)
    this.kept.push(text)
    this.octets += chunk.length
    if (this.octets > (this.kind === 'json' ? MAX_JSON : MAX_XML)) await this.giveUp()
  }

  /** It will not be whole: what is kept is text. */
  async giveUp(): Promise<void> {
    const { kept } = this
    this.kept = []
    if (this.kind !== 'lines' && this.kind !== 'events') this.kind = 'text'
    for (const one of kept) await this.show(one)
  }

  async end(): Promise<void> {
    const rest = this.decoder.decode()
    const { kind, kept } = this
    this.kept = []
    const text = kept.join('') + rest
    if (kind === 'lines' || kind === 'events') await this.showLine(text)
    else if (kind === 'json' && isJsonText(text)) await this.showJson(text)
    else if (kind === 'xml' && (await isXmlText(text))) await this.showXml(text)
    else await this.show(text)
    const { held } = this
    this.held = ''
    await this.sink.write(this.painter.text(held))
  }

  private async pushLines(text: string): Promise<void> {
    const lines = text.split('\n')
    for (const line of lines.slice(0, -1)) {
      const whole = this.kept.join('') + line
      this.kept = []
      this.octets = 0
      await this.showLine(whole)
      await this.show('\n')
    }
    const last = lines[lines.length - 1]
    this.kept.push(last)
    this.octets += last.length
    if (this.octets <= MAX_LINE) return
    this.octets = 0
    await this.giveUp()
  }

  private async showLine(whole: string): Promise<void> {
    const field = this.kind === 'events' ? (/^data: ?(?=\s*[{[])/.exec(whole)?.[0] ?? '') : ''
    const line = whole.slice(field.length)
    if (this.kind === 'events' && field === '') return this.show(whole)
    await this.show(field)
    if (line.trim() !== '' && isJsonText(line)) await this.showJson(line.trim())
    else await this.show(line)
  }

  private async showJson(text: string): Promise<void> {
    const { painter } = this
    const { json, jsonIndent, sortKeys } = painter.how
    const formats = painter.formats && json
    const sorted = painter.formats && sortKeys ? sortMembers(text) : text
    await this.pieces(renderJson(sorted, formats && jsonIndent, (token, kind) => painter.token(token, kind)))
  }

  private async showXml(text: string): Promise<void> {
    const { painter } = this
    const { xml, xmlIndent } = painter.how
    await this.pieces(renderXml(text, painter.formats && xml && xmlIndent, (token, role) => painter.token(token, role)))
  }

  private async pieces(pieces: Iterable<string>): Promise<void> {
    for (const piece of pieces) {
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

function kindOf(type: string | undefined, byLine: boolean): Kind {
  if (isJsonLines(type)) return 'lines'
  if (isJson(type)) return byLine ? 'lines' : 'json'
  if (isEvents(type)) return 'events'
  if (byLine) return 'text'
  return isXml(type) ? 'xml' : isSomeText(type) ? 'unknown' : 'text'
}
