/**
 * The proxy link over HTTP/1.1: CONNECT (RFC 9110 section 9.3.6). The wire that it gets becomes the tunnel.
 *
 * Rules: any 2xx opens the tunnel, whatever its fields say of a body; what came behind the head is put back into the
 * wire, for its next owner to read; any other final answer is a `ProxyError` that carries it.
 */
import { ProxyError } from '../errors.ts'
import type { FieldList } from '../headers/fields.ts'
import type { Cancel, Outcome, Wire } from './link.ts'
import { ResponseHeadReader } from './response-head.ts'

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
  const reader = new ResponseHeadReader()
  let over = false
  const stop = (): void => {
    over = true
    // Not 'data' and pause(): what was paused by hand does not flow for its next owner.
    wire.off('readable', onReadable)
    wire.off('error', fail)
    wire.off('end', onEnd)
    wire.off('close', onEnd)
  }
  const fail = (error: Error): void => {
    if (over) return
    stop()
    wire.destroy()
    outcome.fail(error)
  }
  const onEnd = (): void => fail(proxyFault(request, 'it closed the connection without an answer'))
  const onReadable = (): void => {
    for (let chunk = wire.read(); chunk !== null && !over; chunk = wire.read()) {
      const head = reader.receive(chunk)
      if (head instanceof Error) {
        fail(proxyFault(request, head.message, head))
      } else if (head !== undefined) {
        if (head.status > 299) {
          fail(refusal(request, head.status, head.reason, head.fields))
          return
        }
        stop()
        if (head.rest.length > 0) wire.unshift(head.rest)
        outcome.done(wire)
        return
      }
    }
  }
  wire.on('readable', onReadable)
  wire.once('error', fail)
  wire.once('end', onEnd)
  wire.once('close', onEnd)
  wire.write(connectHead(request), 'latin1')
  return () => {
    stop()
    wire.destroy()
  }
}

function connectHead({ authority, headers }: TunnelRequest): string {
  let head = `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${head}\r\n`
}

/** The proxy answered, and its answer is not yes. */
export function refusal(request: TunnelRequest, status: number, reason: string, headers: FieldList): ProxyError {
  const hint = status === 407 ? ' (it wants credentials: user and password in the URL of the proxy)' : ''
  const said = reason === '' ? String(status) : `${status} ${reason}`
  return new ProxyError(`The proxy ${request.proxy} refused the way to ${request.origin}: ${said}${hint}`, {
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
  return new ProxyError(`The proxy ${proxy} made no way to ${origin}: ${what}`, {
    origin,
    ...(cause === undefined ? {} : { cause }),
  })
}
