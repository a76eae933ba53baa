/** The client's end of the upgrade from HTTP/1.1 (RFC 6455 section 4.1). */
import { Buffer } from 'node:buffer'
import { MAX_INFORMATIONAL } from '../limits.ts'
import type { Agreement, DeflateSettings } from './agreement.ts'
import { LocalProtocolError } from './errors.ts'
import type { Request, WebSocketEvent, WebSocketMessage } from './events.ts'
import {
  acceptValue,
  checkValue,
  handshakeError,
  hasToken,
  offerFields,
  ownFields,
  readAgreement,
  single,
  VERSION,
} from './handshake.ts'
import { HeadReader, parseFields, parseStatusLine, writeHead } from './http1.ts'
import type { KeySource } from './mask.ts'
import { RejectBody } from './reject-body.ts'

export class ClientHandshake {
  /** Set when the server has accepted. */
  agreement: Agreement | null = null
  /** Has the server rejected, and sent all of it? */
  finished = false
  private readonly deflate: DeflateSettings | null
  private readonly keys: KeySource
  private readonly emit: (event: WebSocketEvent) => void
  private readonly head: HeadReader
  /** The Sec-WebSocket-Accept that proves the answer to be ours; empty before the request. */
  private proof = ''
  private subprotocols: readonly string[] = []
  private informational = 0
  private body: RejectBody | null = null

  constructor(
    deflate: DeflateSettings | null,
    maxSize: number,
    keys: KeySource,
    emit: (event: WebSocketEvent) => void,
  ) {
    this.deflate = deflate
    this.keys = keys
    this.emit = emit
    this.head = new HeadReader(maxSize)
  }

  /** @throws {LocalProtocolError} for anything but one good request. */
  send(message: WebSocketMessage): Uint8Array {
    if (message.type !== 'request' || this.proof !== '') {
      throw new LocalProtocolError(`A client cannot send ${message.type} now: it waits for the server's answer`)
    }
    return this.request(message)
  }

  /**
   * Reads the answer; where it ended.
   * @throws {RemoteProtocolError}
   */
  read(octets: Uint8Array): number {
    if (this.proof === '') throw handshakeError('the server spoke before it was asked')
    let at = 0
    while (this.body === null) {
      const head = this.head.read(octets, at)
      if (head === null) return octets.length
      at = head.end
      if (this.answer(head.lines)) return at
    }
    this.body.read(octets, at)
    this.finished = this.body.finished
    return octets.length
  }

  /**
   * The transport has ended.
   * @throws {RemoteProtocolError} unless that ends the body of a rejection.
   */
  end(): void {
    if (this.body === null) throw handshakeError('the server closed the connection')
    this.body.end()
    this.finished = true
  }

  private request(request: Request): Uint8Array {
    const { target = '/', origin, subprotocols = [] } = request
    const key = Buffer.from(this.keys.take(16)).toString('base64')
    const fields = ['host', checkValue('host', request.host), 'upgrade', 'websocket', 'connection', 'Upgrade']
    fields.push('sec-websocket-key', key, 'sec-websocket-version', VERSION)
    if (origin !== undefined) fields.push('origin', checkValue('origin', origin))
    fields.push(...offerFields(subprotocols, this.deflate), ...ownFields(request.headers))
    const head = writeHead(`GET ${checkValue('target', target)} HTTP/1.1`, fields)
    this.subprotocols = subprotocols
    this.proof = acceptValue(key)
    return head
  }

  /** Takes one head; is the connection open now? */
  private answer(lines: readonly string[]): boolean {
    const status = parseStatusLine(lines[0])
    const headers = parseFields(lines)
    if (status === 101) {
      if (!hasToken(headers, 'connection', 'upgrade'))
        throw handshakeError('the server does not upgrade the connection')
      if (single(headers, 'upgrade')?.toLowerCase() !== 'websocket')
        throw handshakeError('the upgrade is not to websocket')
      if (single(headers, 'sec-websocket-accept') !== this.proof) throw handshakeError('sec-websocket-accept is wrong')
      this.agreement = readAgreement(headers, this.subprotocols, this.deflate)
      this.emit({ type: 'accept', agreement: this.agreement, headers })
      return true
    }
    if (status < 200) {
      // Others of 100 to 199 come before the answer (RFC 9110 section 15.2).
      if (++this.informational > MAX_INFORMATIONAL) throw handshakeError('too many informational responses')
      return false
    }
    this.body = new RejectBody(status, headers, this.emit)
    this.emit({ type: 'reject', status, headers, hasBody: !this.body.finished })
    return false
  }
}
