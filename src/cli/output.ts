/** What is shown of an exchange: heads, bodies, trailers, in the order in which they happen. */
import type { HTTPHeaderMap } from '../client/header-map.ts'
import type { HTTPResponse, HTTPVersion } from '../client/response.ts'
import { serialiseRequest, serialiseRequest1, TAKES_CONTENT } from '../headers/request.ts'
import type { Part } from './arguments.ts'
import { octetsOf } from './body.ts'
import type { Painter } from './paint.ts'
import type { CommandRequest } from './request.ts'
import { type Looks, showBody, showOctets } from './show-body.ts'
import type { Sink } from './sink.ts'
import type { Role } from './styles.ts'
import { decodeOctets } from './text.ts'

export class Output {
  readonly sink: Sink
  readonly painter: Painter
  private readonly looks: Looks

  constructor(sink: Sink, painter: Painter, looks: Looks = {}) {
    this.sink = sink
    this.painter = painter
    this.looks = looks
  }

  /**
   * The parts of the request that are wanted.
   * @param whole its body is shown wherever it comes from: it is not sent.
   */
  async request(request: CommandRequest, version: HTTPVersion, parts: ReadonlySet<Part>, whole = false): Promise<void> {
    const { method, target, overrides, content } = request
    if (parts.has('H')) {
      const { painter } = this
      const verb = painter.paint('method', painter.line(method))
      const path = painter.line(overrides.text(':path') ?? target.path)
      const authority = overrides.text(':authority') ?? request.headers.text('host') ?? target.authority
      await this.head(`${verb} ${path} ${version}`, fieldsOf(request, version, authority))
    }
    if (!parts.has('B') || content === undefined) return
    await this.gap()
    const { text, coding, type } = content
    if (coding === undefined && text !== undefined) await this.octets([Buffer.from(text)], type)
    else if (whole) await this.octets(octetsOf(content.body), type)
    else await this.note(`(the body comes from ${this.painter.line(content.source)}${sized(content.length)})`)
  }

  /** An informational response. */
  async informational(status: number, headers: HTTPHeaderMap, version: HTTPVersion): Promise<void> {
    await this.head(this.statusLine(version, status, ''), headers.raw())
  }

  /** The head of a response. */
  async responseHead({ status, reason, version, headers }: HTTPResponse): Promise<void> {
    await this.head(this.statusLine(version, status, reason), headers.raw())
  }

  /** @returns was the body read to its end? */
  async responseBody(response: HTTPResponse, body: AsyncIterable<Uint8Array>): Promise<boolean> {
    return showBody(response, body, this.sink, this.painter, this.looks, () => this.gap())
  }

  /** The trailer section, unless it is empty. */
  async trailers(trailers: HTTPHeaderMap): Promise<void> {
    if (trailers.size === 0) return
    await this.gap()
    for (const [name, value] of trailers.raw()) await this.field(name, value)
  }

  /** What is known beside the response. */
  async meta(response: HTTPResponse, elapsed: number): Promise<void> {
    const { connection, version } = response
    await this.gap()
    await this.field('Protocol', version)
    if (connection?.remoteAddress !== undefined) {
      await this.field('Remote address', `${connection.remoteAddress} port ${connection.remotePort}`)
    }
    if (connection?.proxy !== undefined) await this.field('Proxy', connection.proxy)
    await this.field('Elapsed time', `${(elapsed / 1000).toFixed(3)} s`)
  }

  /** Lines under a heading, after an empty line. */
  async section(lines: readonly string[]): Promise<void> {
    await this.gap()
    for (const line of lines) await this.sink.write(`${this.painter.line(line)}\n`)
  }

  /** Nothing follows: a terminal's next line begins anew. */
  async finish(): Promise<void> {
    if (this.painter.isTerminal && this.sink.end === 'middle') await this.sink.write('\n')
  }

  /** An empty line after what was shown before. */
  private async gap(): Promise<void> {
    if (this.sink.end === 'nothing') return
    await this.sink.write(this.sink.end === 'line' ? '\n' : '\n\n')
  }

  private async head(first: string, fields: Iterable<readonly [string, string]>): Promise<void> {
    await this.gap()
    await this.sink.write(`${first}\n`)
    const { formats, how } = this.painter
    const all = [...fields]
    if (formats && how.sortHeaders) all.sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
    for (const [name, value] of all) await this.field(name, value)
  }

  private statusLine(version: HTTPVersion, status: number, reason: string): string {
    const { painter } = this
    const text = reason === '' ? '' : ` ${painter.line(decodeOctets(reason))}`
    return `${version} ${painter.paint(roleOf(status), `${status}${text}`)}`
  }

  private async field(name: string, value: string): Promise<void> {
    const { painter, sink } = this
    // Octets as they came, where nothing is done to them.
    if (painter.raw) await sink.write(Buffer.from(`${name}: ${value}\n`, 'latin1'))
    else await sink.write(`${painter.paint('field', painter.line(name))}: ${painter.line(decodeOctets(value))}\n`)
  }

  private octets(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, type: string | undefined): Promise<void> {
    return showOctets(body, type, this.sink, this.painter)
  }

  private async note(text: string): Promise<void> {
    await this.sink.write(`${this.painter.paint('comment', text)}\n`)
  }
}

/** The fields as the connection sends them, those that frame the body included. */
function fieldsOf(request: CommandRequest, version: HTTPVersion, authority: string): [string, string][] {
  const { method, target, headers, content } = request
  const { origin, path } = target
  const given = [...headers.raw()].filter(([name]) => name.toLowerCase() !== 'host').flat()
  const length = content === undefined ? 0 : (content.length ?? -1)
  const parts = { origin, method, path, headers: given }
  if (version === 'HTTP/2') {
    const fields = serialiseRequest(parts, 'https', authority, length)
    return [['host', authority], ...pairs(fields.filter((_, i) => !fields[i - (i % 2)].startsWith(':')))]
  }
  const { fields } = serialiseRequest1(parts, authority, length)
  const isThere = pairs(fields).some(([name]) => name.toLowerCase() === 'content-length')
  if (length === -1 && !isThere) fields.push('transfer-encoding', 'chunked')
  if (length === 0 && !isThere && TAKES_CONTENT.has(method)) fields.push('content-length', '0')
  return pairs(fields)
}

function pairs(fields: readonly string[]): [string, string][] {
  const found: [string, string][] = []
  for (let i = 0; i < fields.length; i += 2) found.push([fields[i], fields[i + 1]])
  return found
}

function sized(length: number | undefined): string {
  return length === undefined ? '' : `, ${length} octets`
}

function roleOf(status: number): Role {
  if (status < 200) return 'informational'
  if (status < 300) return 'success'
  if (status < 400) return 'redirect'
  return status < 500 ? 'client-error' : 'server-error'
}
