/** One HTTP/1.1 connection of an origin: one request at a time, in order. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { clearTimeout, setTimeout } from '../clock.ts'
import { ConnectionLostError, type HyperError } from '../errors.ts'
import { type H1RequestHead, H1ServerConnection, type H1ServerListener } from '../h1/index.ts'
import type { FieldList } from '../headers/fields.ts'
import type { Home, ServerSide } from './home.ts'
import { headersOf, Incoming } from './record.ts'
import type { Plan } from './script.ts'

export class Http1Side implements ServerSide, H1ServerListener {
  private readonly socket: Duplex
  private readonly home: Home
  private readonly number: number
  private readonly h1: H1ServerConnection
  private request: Incoming | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private taken = 0
  private closing = false

  constructor(socket: Duplex, home: Home, number: number) {
    this.socket = socket
    this.home = home
    this.number = number
    this.h1 = new H1ServerConnection(this)
    socket.on('close', () => {
      clearTimeout(this.timer)
      this.request?.fail(new ConnectionLostError('The client closed the connection'))
    })
  }

  receive(octets: Buffer): void {
    this.h1.receive(octets)
  }

  receiveEnd(): void {
    this.h1.receiveEnd()
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
    this.socket.end()
  }

  onClosed(): void {
    this.socket.end()
  }

  /** There is none over HTTP/1.1: the next answer says `connection: close`. */
  goaway(): void {
    this.closing = true
  }

  /** HTTP/1.1 has no such settings. */
  limit(): void {}

  answer(plan: Plan): void {
    if (plan.unread) this.socket.pause()
    if (plan.delay === 0) this.begin(plan)
    else this.timer = setTimeout(() => this.begin(plan), plan.delay)
  }

  private begin(plan: Plan): void {
    const { h1, socket } = this
    const { ending, body, after, status, trailers } = plan
    if (socket.destroyed || ending === 'silence') return
    if (ending === 'refuse') {
      socket.end()
      return
    }
    for (const one of plan.early) this.write(h1.inform(one.status, one.fields))
    const close = plan.goaway || this.closing || this.taken === this.home.goawayAfter
    const hasTrailers = trailers.length > 0
    this.write(h1.respond({ status, fields: plan.fields, bodyLength: body.length, trailers: hasTrailers, close }))
    const octets = ending === 'whole' ? body : body.subarray(0, after)
    // What has no body ended with its head.
    if (h1.ourState === 'sending') {
      for (const piece of h1.data(octets)) this.write(piece)
      if (ending === 'whole') this.write(h1.end(trailers))
    }
    if (ending === 'whole') {
      if (close) socket.end()
      else h1.next()
    } else if (ending === 'cut') socket.end()
    else if (ending === 'reset') resetAndDestroy(socket)
  }

  private write(text: string | Uint8Array): void {
    if (text.length > 0 && !this.home.mute && this.socket.writable) this.socket.write(text, 'latin1')
  }
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
