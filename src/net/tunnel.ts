/**
 * The proxy link over HTTP/1.1: CONNECT (RFC 9110 section 9.3.6). The wire that it gets becomes the tunnel.
 *
 * Rules: any 2xx opens the tunnel, whatever its fields say of a body; what came behind the head is put back into the
 * wire, for its next owner to read; any other final answer is a `ProxyError` that carries it. Interim answers (1xx) are
 * read past; all heads together may be as long as `MAX_PROXY_HEAD`.
 */
import { HeadersTooLargeError, type HyperError, ProxyError } from '../errors.ts'
import { faultOf } from '../h1/faults.ts'
import { H1ClientConnection, type H1ClientListener, type H1ResponseHead } from '../h1/index.ts'
import type { FieldList } from '../headers/fields.ts'
import { MAX_PROXY_HEAD } from '../limits.ts'
import type { Cancel, Outcome, Wire } from './link.ts'

/** What is asked of which proxy, for whom. */
export interface TunnelRequest {
  /** `host:port` of the target. */
  readonly authority: string
  /** Fields for the proxy; names in lower case, checked. */
  readonly headers: FieldList
  /** The proxy, as messages name it. */
  readonly proxy: string
  /** The origin, as messages name it. */
  readonly origin: string
}

export function openTunnel(wire: Wire, request: TunnelRequest, outcome: Outcome<Wire>): Cancel {
  const tunnel = new TunnelDial(wire, request, outcome)
  tunnel.start()
  return () => tunnel.cancel()
}

/** The limit counts all heads together; how many fields they are made of does not matter then. */
const LIMITS = {
  maxHeaderSize: MAX_PROXY_HEAD,
  maxStartLine: MAX_PROXY_HEAD,
  maxHeaderFields: MAX_PROXY_HEAD,
  maxInformational: MAX_PROXY_HEAD,
  // The headers were checked with the options, the authority with the origin.
  validateOutbound: 'elsewhere',
} as const

class TunnelDial implements H1ClientListener {
  private readonly wire: Wire
  private readonly request: TunnelRequest
  private readonly outcome: Outcome<Wire>
  private readonly h1 = new H1ClientConnection(this, LIMITS)
  private received = 0
  private over = false

  constructor(wire: Wire, request: TunnelRequest, outcome: Outcome<Wire>) {
    this.wire = wire
    this.request = request
    this.outcome = outcome
  }

  start(): void {
    const { wire } = this
    wire.on('readable', this.onReadable)
    wire.once('error', this.fail)
    wire.once('end', this.onGone)
    wire.once('close', this.onGone)
    const { authority, headers } = this.request
    const fields = ['host', authority, ...headers]
    wire.write(this.h1.request({ method: 'CONNECT', target: authority, fields, bodyLength: 0 }), 'latin1')
  }

  cancel(): void {
    this.stop()
    this.wire.destroy()
  }

  private stop(): void {
    const { wire } = this
    this.over = true
    // Not 'data' and pause(): what was paused by hand does not flow for its next owner.
    wire.off('readable', this.onReadable)
    wire.off('error', this.fail)
    wire.off('end', this.onGone)
    wire.off('close', this.onGone)
  }

  private readonly fail = (error: Error): void => {
    if (this.over) return
    this.stop()
    this.wire.destroy()
    this.outcome.fail(error)
  }

  private readonly onGone = (): void => {
    this.fail(proxyFault(this.request, 'it closed the connection without an answer'))
  }

  private readonly onReadable = (): void => {
    const { wire, h1 } = this
    while (!this.over) {
      const octets = wire.read()
      if (octets === null) return
      this.received += octets.length
      h1.receive(octets)
      if (!this.over) this.fits(this.received)
    }
  }

  /** May all heads together be as long as this? */
  private fits(octets: number): boolean {
    if (octets <= MAX_PROXY_HEAD) return true
    this.fail(proxyFault(this.request, `the head of its answer is longer than ${MAX_PROXY_HEAD} octets`))
    return false
  }

  onInformational(): void {}

  onUpgraded(_head: H1ResponseHead, rest: Buffer): void {
    if (!this.fits(this.received - rest.length)) return
    this.stop()
    if (rest.length > 0) this.wire.unshift(rest)
    this.outcome.done(this.wire)
  }

  onHeaders({ status, reason, fields }: H1ResponseHead): void {
    if (this.fits(this.received - this.h1.unread)) this.fail(refusal(this.request, status, reason, fields))
  }

  onFailed(error: HyperError): void {
    const what =
      error instanceof HeadersTooLargeError
        ? `the head of its answer is longer than ${MAX_PROXY_HEAD} octets`
        : `its answer is not HTTP/1.1: ${faultOf(error)}`
    this.fail(proxyFault(this.request, what))
  }

  // What follows an answer that is no yes is not read.
  onData(): void {}
  onEnd(): void {}
}

/** The proxy answered, and its answer is not yes. */
export function refusal(request: TunnelRequest, status: number, reason: string, headers: FieldList): ProxyError {
  const hint = status === 407 ? ' (it asks for credentials: put user and password into the URL of the proxy)' : ''
  const said = reason === '' ? String(status) : `${status} ${reason}`
  return new ProxyError(`The proxy ${request.proxy} refused to connect to ${request.origin}: ${said}${hint}`, {
    origin: request.origin,
    status,
    headers,
  })
}

/** The proxy did not answer, or not properly. */
export function proxyFault(
  { proxy, origin }: Pick<TunnelRequest, 'proxy' | 'origin'>,
  what: string,
  cause?: unknown,
): ProxyError {
  return new ProxyError(`The proxy ${proxy} did not connect to ${origin}: ${what}`, {
    origin,
    ...(cause === undefined ? {} : { cause }),
  })
}
