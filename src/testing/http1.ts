/** One HTTP/1.1 connection of an origin: one request at a time, in order. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { clearTimeout, setTimeout } from '../clock.ts'
import { ConnectionLostError, type HyperError } from '../errors.ts'
import { type H1RequestHead, H1ServerConnection, type H1ServerListener } from '../h1/index.ts'
import type { FieldList } from '../headers/fields.ts'
import { getField } from '../headers/fields.ts'
import type { Home, ServerSide } from './home.ts'
import { headersOf, Incoming } from './record.ts'
import { failedScript, type Plan } from './script.ts'

export class Http1Side implements ServerSide, H1ServerListener {
  private readonly socket: Duplex
  private readonly home: Home
  private readonly number: number
  private readonly h1: H1ServerConnection
  private request: Incoming | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private taken = 0
  private closing = false
  /** Written while the origin is mute. */
  private held: (string | Uint8Array)[] = []
  private ending: 'end' | 'reset' | undefined
  /** How the rest of the request's body is taken: read, left where it is, or thrown away after the answer. */
  private intake: 'read' | 'left' | 'dropped' = 'read'

  constructor(socket: Duplex, home: Home, number: number) {
    this.socket = socket
    this.home = home
    this.number = number
    this.h1 = new H1ServerConnection(this)
    // Of the origin too, when it is no longer mute.
    socket.on('drain', () => this.flush())
    socket.on('close', () => {
      clearTimeout(this.timer)
      this.request?.fail(new ConnectionLostError('The client closed the connection'))
    })
  }

  receive(octets: Buffer): void {
    if (this.intake !== 'dropped') this.h1.receive(octets)
  }

  receiveEnd(): void {
    if (this.intake === 'dropped') this.end('end')
    else this.h1.receiveEnd()
  }

  onRequest(head: H1RequestHead): void {
    const request = new Incoming('http/1.1', this.number, head.method, head.target, headersOf(head.fields), head.raw)
    this.request = request
    if (head.expectContinue) this.write(this.h1.inform(100, []))
    this.taken++
    this.home.onRequest(request, this)
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.request?.take(buffer.subarray(start, end))
  }

  onEnd(trailers: FieldList): void {
    this.request?.finish(trailers)
    this.h1.next()
  }

  onFailed(error: HyperError, status: number): void {
    this.request?.fail(error)
    if (this.h1.ourState === 'idle') this.write(this.h1.respond({ status, fields: [], bodyLength: 0, close: true }))
    this.end('end')
  }

  onClosed(): void {
    this.end('end')
  }

  /** There is none over HTTP/1.1: the next answer says `connection: close`. */
  goaway(): void {
    this.closing = true
  }

  /** HTTP/1.1 has no such settings. */
  limit(): void {}

  answer(plan: Plan): void {
    if (this.socket.destroyed) return
    if (plan.unread) {
      this.intake = 'left'
      this.socket.pause()
    }
    if (plan.delay === 0) this.attempt(plan)
    else this.timer = setTimeout(() => this.attempt(plan), plan.delay)
  }

  private attempt(plan: Plan): void {
    try {
      this.begin(plan)
    } catch (thrown) {
      this.home.onFault(thrown)
      const { request, h1, socket } = this
      if (request !== undefined && h1.ourState === 'idle') this.begin(failedScript(request, thrown))
      else socket.destroy()
    }
  }

  private begin(plan: Plan): void {
    const { h1, socket } = this
    const { ending, body, after, status, trailers } = plan
    if (socket.destroyed || ending === 'silence') return
    if (ending === 'refuse') {
      this.end('end')
      return
    }
    for (const one of plan.early) this.write(h1.inform(one.status, one.fields))
    const hasTrailers = trailers.length > 0
    const bodyLength = hasTrailers ? body.length : lengthOf(plan)
    const bodiless = this.request?.method === 'HEAD' || status === 204 || status === 304
    const lies = bodyLength !== body.length && !bodiless
    const close = plan.goaway || plan.unread || lies || this.closing || this.taken === this.home.goawayAfter
    this.write(h1.respond({ status, fields: plan.fields, bodyLength, trailers: hasTrailers, close }))
    const octets = ending === 'whole' ? body : body.subarray(0, after)
    // What has no body ended with its head.
    if (h1.ourState === 'sending') {
      for (const piece of h1.data(octets.subarray(0, bodyLength))) this.write(piece)
      // What comes behind its content-length is no body, and less is no end.
      this.write(octets.subarray(bodyLength))
      if (ending === 'whole' && octets.length >= bodyLength) this.write(h1.end(trailers))
    }
    if (ending === 'whole') {
      if (close) this.end('end')
      else h1.next()
    } else if (ending === 'cut') this.end('end')
    else if (ending === 'reset') this.end('reset')
  }

  private write(text: string | Uint8Array): void {
    if (text.length === 0) return
    if (this.home.mute) this.held.push(text)
    else if (this.socket.writable) this.socket.write(text, 'latin1')
  }

  /** Ends the connection, behind what was written. */
  private end(how: 'end' | 'reset'): void {
    this.ending ??= how
    this.flush()
  }

  /** Carries out what had to wait while the origin was mute. */
  private flush(): void {
    const { socket, held, ending } = this
    if (this.home.mute) return
    if (this.intake === 'left') socket.pause()
    this.held = []
    for (const text of held) this.write(text)
    if (ending === undefined || !socket.writable) return
    if (this.intake === 'left') {
      this.intake = 'dropped'
      socket.resume()
    }
    if (ending === 'end') socket.end()
    else resetAndDestroy(socket)
  }
}

/** The length that its head declares: the body's own, unless the script lies. */
function lengthOf({ fields, body }: Plan): number {
  const declared = getField(fields, 'content-length')
  return declared !== undefined && /^\d{1,15}$/.test(declared) ? Number(declared) : body.length
}

/** TCP's RST, which TLS sockets do not send by themselves. */
function resetAndDestroy(socket: Duplex): void {
  const tcp: unknown = Reflect.get(socket, '_parent') ?? socket
  const reset: unknown = Reflect.get(Object(tcp), 'resetAndDestroy')
  // Not before what was written has gone.
  socket.write('', () => {
    if (typeof reset === 'function') Reflect.apply(reset, tcp as Socket, [])
    else socket.destroy()
  })
}
