/** An origin at work: it tells the two protocols apart, gives each request its answer, and writes down what comes. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { clearTimeout, nextTick, setTimeout } from '../clock.ts'
import { ConnectionLostError, TimeoutError } from '../errors.ts'
import { PREFACE } from '../frame/codes.ts'
import type { H2ConnectionOptions } from '../h2/index.ts'
import { ignore } from '../ignore.ts'
import type { Answering, Home, ServerSide } from './home.ts'
import { Http1Side } from './http1.ts'
import { Http2Side } from './http2.ts'
import type { Incoming } from './record.ts'
import { failedScript, Scripts } from './script.ts'

/** What it is made with, of the options. */
export interface RunningOptions {
  readonly goawayAfter?: number | undefined
  readonly maxConcurrentStreams?: number | undefined
  readonly streamWindow?: number | undefined
}

export class RunningOrigin implements Home {
  readonly scheme: 'http' | 'https'
  readonly goawayAfter: number | undefined
  readonly scripts = new Scripts()
  readonly requests: Incoming[] = []
  readonly sockets = new Set<Socket>()
  readonly sides = new Map<Duplex, ServerSide>()
  /** Connections that have not shown yet which protocol they speak. */
  private readonly undecided = new Set<Duplex>()
  count = 0
  mute = false
  private closed = false
  private readonly protocols: readonly string[]
  private options: H2ConnectionOptions
  private taken = 0
  private waiting: (() => void)[] = []

  constructor(secure: boolean, protocols: readonly string[], options: RunningOptions) {
    this.scheme = secure ? 'https' : 'http'
    this.protocols = protocols
    this.goawayAfter = options.goawayAfter
    const { maxConcurrentStreams = 100, streamWindow } = options
    this.options = { maxConcurrentStreams, streamWindow }
  }

  keep(socket: Socket): void {
    this.sockets.add(socket)
    socket.on('error', ignore)
    socket.on('close', () => this.sockets.delete(socket))
  }

  onConnection(socket: Socket): void {
    this.keep(socket)
    socket.setNoDelay(true)
    const chosen: unknown = Reflect.get(socket, 'alpnProtocol')
    if (chosen === 'h2' || this.protocols.length === 1) {
      this.serve(socket, chosen === 'h2' || this.protocols[0] === 'h2')
      return
    }
    if (this.scheme === 'https') {
      this.serve(socket, false)
      return
    }
    // Without TLS: who begins with the preface speaks HTTP/2.
    let head = Buffer.alloc(0)
    this.undecided.add(socket)
    socket.on('close', () => this.undecided.delete(socket))
    const onData = (octets: Buffer): void => {
      head = Buffer.concat([head, octets])
      const begun = head.toString('latin1', 0, PREFACE.length)
      if (PREFACE.startsWith(begun) && begun.length < PREFACE.length) return
      socket.off('data', onData)
      this.undecided.delete(socket)
      this.serve(socket, begun === PREFACE, head)
    }
    socket.on('data', onData)
    if (this.mute) socket.pause()
  }

  private serve(socket: Socket, h2: boolean, head?: Buffer): void {
    const number = ++this.count
    const side = h2 ? new Http2Side(socket, this, number, this.options) : new Http1Side(socket, this, number)
    this.sides.set(socket, side)
    socket.on('close', () => this.sides.delete(socket))
    socket.on('data', (octets: Buffer) => side.receive(octets))
    socket.on('end', () => side.receiveEnd())
    if (head !== undefined) side.receive(head)
    if (this.mute) socket.pause()
  }

  onRequest(request: Incoming, answering: Answering): void {
    this.requests.push(request)
    const plan = this.scripts.find(request)
    if (plan instanceof Promise) {
      plan
        .catch((thrown: unknown) => {
          this.onFault(thrown)
          return failedScript(request, thrown)
        })
        .then((made) => answering.answer(made))
    }
    // Its listener is not there yet.
    else nextTick(() => answering.answer(plan))
    this.wake()
  }

  /** A script that throws, or cannot be carried out, is a fault of the test. */
  onFault(thrown: unknown): void {
    nextTick(() => {
      throw thrown
    })
  }

  limit({ maxConcurrentStreams, streamWindow }: { maxConcurrentStreams?: number; streamWindow?: number }): void {
    const streams = maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams }
    this.options = { ...this.options, ...streams, ...(streamWindow === undefined ? {} : { streamWindow }) }
    const settings = { ...streams, ...(streamWindow === undefined ? {} : { initialWindowSize: streamWindow }) }
    for (const side of this.sides.values()) side.limit(settings)
  }

  setMute(mute: boolean): void {
    this.mute = mute
    for (const socket of [...this.sides.keys(), ...this.undecided]) {
      if (mute) socket.pause()
      else socket.resume()
    }
    // What was to be written meanwhile.
    if (!mute) for (const socket of this.sides.keys()) socket.emit('drain')
  }

  async take(timeout: number, origin: string): Promise<Incoming> {
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new TimeoutError('request', timeout, { origin })), timeout)
      })
      while (this.taken >= this.requests.length) {
        if (this.closed) throw new ConnectionLostError('The origin was closed', { origin })
        await Promise.race([late, new Promise<void>((resolve) => this.waiting.push(resolve))])
      }
      const request = this.requests[this.taken++]
      await Promise.race([late, request.body.catch(ignore)])
      return request
    } finally {
      clearTimeout(timer)
    }
  }

  forgetTaken(): void {
    this.taken = 0
  }

  /** Who waits for a request hears that none will come. */
  close(): void {
    this.closed = true
    this.wake()
  }

  private wake(): void {
    const { waiting } = this
    this.waiting = []
    for (const resolve of waiting) resolve()
  }
}
