/** The server's end of the upgrade from HTTP/1.1 (RFC 6455 section 4.2). */
import { Buffer } from 'node:buffer'
import { ConnectionLostError, type HyperError } from '../errors.ts'
import { faultOf } from '../h1/faults.ts'
import { type H1RequestHead, H1ServerConnection, type H1ServerListener } from '../h1/index.ts'
import { type FieldList, getField } from '../headers/fields.ts'
import type { Agreement } from './agreement.ts'
import { LocalProtocolError, type RemoteProtocolError } from './errors.ts'
import type { Accept, Reject, RejectData, RequestEvent, WebSocketEvent, WebSocketMessage } from './events.ts'
import type { WebSocketExtension } from './extension.ts'
import {
  acceptValue,
  agree,
  asBuffer,
  handshakeError,
  hasToken,
  joined,
  ownFields,
  readRequest,
  single,
  VERSION,
} from './handshake.ts'

/** 16 octets in base64 (section 4.1). */
const KEY = /^[A-Za-z\d+/]{21}[AQgw]==$/

const TARGET = /^[\x21-\x7e]+$/

const EMPTY = new Uint8Array(0)

export class ServerHandshake implements H1ServerListener {
  /** Set when the request has been accepted. */
  agreement: Agreement | null = null
  /** Has nothing come yet? */
  fresh = true
  /** Has the request been rejected, and all of it said? */
  finished = false
  private readonly extensions: readonly WebSocketExtension[]
  private readonly emit: (event: WebSocketEvent) => void
  private readonly h1: H1ServerConnection
  private request: RequestEvent | null = null
  private key = ''
  private rejecting = false
  /** Octets of the body still to send when content-length announced them; -1 when it goes in chunks. */
  private remaining = -1

  constructor(extensions: readonly WebSocketExtension[], maxSize: number, emit: (event: WebSocketEvent) => void) {
    this.extensions = extensions
    this.emit = emit
    // All that is sent was checked by its own rules.
    const options = { maxHeaderSize: maxSize, maxStartLine: maxSize, validateOutbound: 'elsewhere' as const }
    this.h1 = new H1ServerConnection(this, options)
  }

  /** @throws {LocalProtocolError} when there is no request to answer so. */
  send(message: WebSocketMessage): Uint8Array {
    const { request } = this
    if (this.rejecting && message.type === 'rejectData') return this.rejectData(message)
    if (request !== null && !this.rejecting) {
      if (message.type === 'accept') return this.accept(request, message)
      if (message.type === 'reject') return this.reject(message)
    }
    throw new LocalProtocolError(`A server cannot send ${message.type} now`)
  }

  /**
   * Reads the request; where it ended.
   * @throws {RemoteProtocolError} with the status to answer.
   */
  read(octets: Uint8Array): number {
    if (this.rejecting || octets.length === 0) return octets.length
    this.fresh = false
    this.h1.receive(asBuffer(octets))
    // Nothing may follow before the answer (RFC 6455 section 4.1).
    if (this.h1.unread > 0) throw handshakeError('the client did not wait for the answer')
    return octets.length
  }

  /** The transport has ended. */
  end(): void {
    this.h1.receiveEnd()
    throw handshakeError('the client closed the connection')
  }

  /** The answer to a request that failed; empty when there is none to answer, or another answer was begun. */
  refuse(error: RemoteProtocolError): Uint8Array {
    const { h1 } = this
    const { status = 400 } = error
    if (h1.ourState !== 'idle') return EMPTY
    const fields = ['connection', 'close', 'content-length', '0']
    if (status === 426) fields.push('upgrade', 'websocket', 'sec-websocket-version', VERSION)
    return Buffer.from(h1.respond({ status, fields, bodyLength: 0 }), 'latin1')
  }

  onRequest(head: H1RequestHead): void {
    const { method, target, version, fields: headers, contentLength, framing } = head
    if (version !== '1.1' || !TARGET.test(target)) throw handshakeError('the request line is malformed')
    if (method !== 'GET') throw handshakeError('the method is not GET')
    // Whoever reads a body here and whoever does not would see two different requests behind it.
    if (contentLength > 0 || (contentLength === -1 && framing !== 'none'))
      throw handshakeError('the request has a body')
    if (!hasToken(headers, 'upgrade', 'websocket')) throw handshakeError('it does not ask for websocket', 426)
    if (!hasToken(headers, 'connection', 'upgrade')) throw handshakeError('it does not ask to upgrade the connection')
    const key = single(headers, 'sec-websocket-key')
    if (key === undefined || !KEY.test(key)) throw handshakeError('sec-websocket-key is malformed')
    // The codec takes no request without a host.
    const request = readRequest(String(getField(headers, 'host')), target, headers)
    this.request = request
    this.key = key
    this.emit(request)
  }

  onFailed(error: HyperError, status: number): void {
    const left = error instanceof ConnectionLostError
    throw handshakeError(left ? 'the client closed the connection' : faultOf(error), status)
  }

  onData(): void {}
  onEnd(): void {}

  private accept(request: RequestEvent, message: Accept): Uint8Array {
    const { agreement, fields } = agree(request, message.subprotocol, this.extensions)
    const own = ownFields(message.headers)
    const head = ['upgrade', 'websocket', 'connection', 'Upgrade', 'sec-websocket-accept', acceptValue(this.key)]
    const protocol = 'websocket'
    const answer = this.h1.accept({ protocol, reason: 'Switching Protocols', fields: [...head, ...fields, ...own] })
    this.agreement = agreement
    return Buffer.from(answer.head, 'latin1')
  }

  private reject(message: Reject): Uint8Array {
    const { status = 400, hasBody = false } = message
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new LocalProtocolError(`The status ${status} cannot reject a handshake`)
    }
    const bodiless = status === 204 || status === 304
    if (bodiless && hasBody) throw new LocalProtocolError(`A response with status ${status} has no body`)
    const fields = ['connection', 'close', ...ownFields(message.headers, 'content-length')]
    const length = joined(fields, 'content-length')
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new LocalProtocolError('Invalid content-length')
    const remaining = length === undefined ? -1 : Number(length)
    if (!hasBody && remaining > 0) throw new LocalProtocolError('A content-length needs a body')
    const head = this.h1.respond({ status, fields, bodyLength: hasBody ? -1 : 0 })
    this.rejecting = true
    this.remaining = remaining
    this.finished = !hasBody
    return Buffer.from(head, 'latin1')
  }

  private rejectData(message: RejectData): Uint8Array {
    const { data, bodyFinished = true } = message
    const { h1, remaining } = this
    const { length } = data
    if (remaining >= 0) {
      if (length > remaining || (bodyFinished && length < remaining)) {
        throw new LocalProtocolError('The body differs from its content-length')
      }
      this.remaining = remaining - length
    }
    this.finished = bodyFinished
    // A body of no octets ended with the head.
    if (h1.ourState !== 'sending') return EMPTY
    const octets: Uint8Array[] = []
    for (const piece of h1.data(data)) octets.push(typeof piece === 'string' ? Buffer.from(piece) : piece)
    if (bodyFinished) octets.push(Buffer.from(h1.end(), 'latin1'))
    return Buffer.concat(octets)
  }
}

/**
 * A request that other code has parsed, as octets again, so that one parser checks it. What would break a line, or is no octet,
 * becomes a NUL, which that door refuses wherever it stands.
 */
export function requestOctets(method: string, target: string, headers: FieldList): Uint8Array {
  const inline = (text: string): string => text.replace(/[\r\n]|[^\x00-\xff]/g, '\0')
  let head = `${inline(method)} ${inline(target)} HTTP/1.1\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${inline(headers[i])}: ${inline(headers[i + 1])}\r\n`
  return Buffer.from(`${head}\r\n`, 'latin1')
}
