/** The client's end of the upgrade from HTTP/1.1 (RFC 6455 section 4.1). */
import { Buffer } from 'node:buffer'
import { ConnectionLostError, type HyperError } from '../errors.ts'
import { faultOf } from '../h1/faults.ts'
import { H1ClientConnection, type H1ClientListener, type H1ResponseHead } from '../h1/index.ts'
import { MAX_INFORMATIONAL } from '../limits.ts'
import type { Agreement } from './agreement.ts'
import { LocalProtocolError } from './errors.ts'
import type { Request, WebSocketEvent, WebSocketMessage } from './events.ts'
import type { WebSocketExtension } from './extension.ts'
import {
  acceptValue,
  asBuffer,
  checkValue,
  handshakeError,
  hasToken,
  offerFields,
  ownFields,
  readAgreement,
  single,
  VERSION,
} from './handshake.ts'
import type { KeySource } from './mask.ts'

const EMPTY = new Uint8Array(0)

export class ClientHandshake implements H1ClientListener {
  /** Set when the server has accepted. */
  agreement: Agreement | null = null
  /** Has the server rejected, and sent all of it? */
  finished = false
  private readonly extensions: readonly WebSocketExtension[]
  private readonly keys: KeySource
  private readonly emit: (event: WebSocketEvent) => void
  private readonly h1: H1ClientConnection
  /** The Sec-WebSocket-Accept that proves the answer to be ours; empty before the request. */
  private proof = ''
  private subprotocols: readonly string[] = []
  /** Octets of the body of a rejection still to come; infinite when its length was not announced. */
  private left = 0
  /** Octets behind the answer that accepts. */
  private rest = 0

  constructor(
    extensions: readonly WebSocketExtension[],
    maxSize: number,
    keys: KeySource,
    emit: (event: WebSocketEvent) => void,
  ) {
    this.extensions = extensions
    this.keys = keys
    this.emit = emit
    this.h1 = new H1ClientConnection(this, {
      maxHeaderSize: maxSize,
      maxStartLine: maxSize,
      maxInformational: maxSize * MAX_INFORMATIONAL,
      // All that is sent was checked by its own rules.
      validateOutbound: 'elsewhere',
    })
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
    this.h1.receive(asBuffer(octets))
    return octets.length - this.rest
  }

  /**
   * The transport has ended.
   * @throws {RemoteProtocolError} unless that ends the body of a rejection.
   */
  end(): void {
    if (this.proof === '') throw handshakeError('the server closed the connection')
    this.h1.receiveEnd()
  }

  private request(request: Request): Uint8Array {
    const { target = '/', origin, subprotocols = [] } = request
    const key = Buffer.from(this.keys.take(16)).toString('base64')
    const fields = ['host', checkValue('host', request.host), 'upgrade', 'websocket', 'connection', 'Upgrade']
    fields.push('sec-websocket-key', key, 'sec-websocket-version', VERSION)
    if (origin !== undefined) fields.push('origin', checkValue('origin', origin))
    fields.push(...offerFields(subprotocols, this.extensions), ...ownFields(request.headers))
    const head = this.h1.request({ method: 'GET', target: checkValue('target', target), fields, bodyLength: 0 })
    this.subprotocols = subprotocols
    this.proof = acceptValue(key)
    return Buffer.from(head, 'latin1')
  }

  /** Others of 100 to 199 come before the answer (RFC 9110 section 15.2). */
  onInformational(head: H1ResponseHead): void {
    checkStatusLine(head)
  }

  onUpgraded(head: H1ResponseHead, rest: Buffer): void {
    checkStatusLine(head)
    const { fields: headers } = head
    if (!hasToken(headers, 'connection', 'upgrade')) throw handshakeError('the server does not upgrade the connection')
    if (single(headers, 'upgrade')?.toLowerCase() !== 'websocket')
      throw handshakeError('the upgrade is not to websocket')
    if (single(headers, 'sec-websocket-accept') !== this.proof) throw handshakeError('sec-websocket-accept is wrong')
    this.agreement = readAgreement(headers, this.subprotocols, this.extensions)
    this.rest = rest.length
    this.emit({ type: 'accept', agreement: this.agreement, headers })
  }

  onHeaders(head: H1ResponseHead): void {
    checkStatusLine(head)
    const { status, fields: headers, framing, contentLength } = head
    single(headers, 'content-length')
    if (framing === 'length') this.left = contentLength
    else if (framing !== 'none') this.left = Number.POSITIVE_INFINITY
    this.emit({ type: 'reject', status, headers, hasBody: this.left > 0 })
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.left -= end - start
    this.emit({ type: 'rejectData', data: buffer.subarray(start, end), bodyFinished: this.left === 0 })
  }

  onEnd(): void {
    this.finished = true
    // The end of a body whose length was announced was told with its last octets.
    if (this.left !== 0) this.emit({ type: 'rejectData', data: EMPTY, bodyFinished: true })
  }

  onFailed(error: HyperError): void {
    // What stands behind a rejection is dropped.
    if (this.finished) return
    throw handshakeError(error instanceof ConnectionLostError ? 'the server closed the connection' : faultOf(error))
  }
}

/** RFC 6455 section 4.1: HTTP/1.1 or higher; and a status that RFC 9110 section 15 knows the class of. */
function checkStatusLine({ version, status }: H1ResponseHead): void {
  if (version !== '1.1' || status > 599) throw handshakeError('the status line is malformed')
}
