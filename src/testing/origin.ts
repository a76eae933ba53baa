/** The origin as tests see it. */
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { InvalidArgumentError } from '../errors.ts'
import { ignore } from '../ignore.ts'
import { type Check, checkEach, whole } from '../option-checks.ts'
import { refuseUnknown } from '../option-names.ts'
import { makeCertificate, type OriginCertificate } from './certificate.ts'
import type { TestRequest } from './record.ts'
import { RunningOrigin } from './running.ts'
import type { Answer, Script } from './script.ts'

/** Options of {@link TestOrigin.start}. */
export interface TestOriginOptions {
  /** TLS. Default true. Without it HTTP/2 is spoken to clients with prior knowledge. */
  readonly secure?: boolean | undefined
  /** The protocols that it speaks. Default both. */
  readonly protocols?: readonly ('h2' | 'http/1.1')[] | undefined
  /** Default: one for localhost, 127.0.0.1 and ::1, made on the spot by the package `selfsigned`, which must be installed. */
  readonly certificate?: OriginCertificate | undefined
  /** The TCP port. Default 0: the system chooses a free one. */
  readonly port?: number | undefined
  /** Streams that a client may have open at once. Default 100. */
  readonly maxConcurrentStreams?: number | undefined
  /** Octets that a client may send on a stream before they are read. Default: as the engine has it, and growing. */
  readonly streamWindow?: number | undefined
  /** GOAWAY, or `connection: close`, with the nth request of each connection. Default: never. */
  readonly goawayAfter?: number | undefined
}

const NAMES: ReadonlySet<string> = new Set<keyof TestOriginOptions>([
  ...(['secure', 'protocols', 'certificate', 'port', 'maxConcurrentStreams', 'streamWindow', 'goawayAfter'] as const),
])

const LIMITS: Readonly<Record<'maxConcurrentStreams' | 'streamWindow', Check>> = {
  maxConcurrentStreams: whole(0),
  streamWindow: whole(0),
}

/** Milliseconds that `takeRequest()` waits by default. */
const PATIENCE = 5000

/** An origin for tests on the loopback interface, over HTTP/2 and HTTP/1.1. It answers, and misbehaves, as its script says. */
export class TestOrigin implements AsyncDisposable {
  /** `scheme://localhost:port` */
  readonly origin: string
  /** The TCP port. */
  readonly port: number
  /** The authority to trust, in PEM; undefined without TLS. */
  readonly ca: string | undefined
  private readonly server: Server
  private readonly home: RunningOrigin

  private constructor(server: Server, home: RunningOrigin, ca: string | undefined) {
    this.server = server
    this.home = home
    this.ca = ca
    this.port = (server.address() as AddressInfo).port
    this.origin = `${home.scheme}://localhost:${this.port}`
  }

  /**
   * Starts one on the loopback interface.
   * @throws {InvalidArgumentError} naming an option that is unknown or invalid.
   */
  static async start(options: TestOriginOptions = {}): Promise<TestOrigin> {
    refuseUnknown(options, NAMES)
    const { secure = true, protocols = ['h2', 'http/1.1'], port = 0, goawayAfter } = options
    const { maxConcurrentStreams, streamWindow } = options
    checkEach({ maxConcurrentStreams, streamWindow }, LIMITS)
    if (
      !Array.isArray(protocols) ||
      protocols.length === 0 ||
      !protocols.every((one) => one === 'h2' || one === 'http/1.1')
    ) {
      throw new InvalidArgumentError(`protocols must be of 'h2' and 'http/1.1', not ${String(protocols)}`)
    }
    if (goawayAfter !== undefined && !(Number.isInteger(goawayAfter) && goawayAfter > 0)) {
      throw new InvalidArgumentError(`goawayAfter must be a whole number of 1 or more, not ${goawayAfter}`)
    }
    const certificate = secure ? (options.certificate ?? (await makeCertificate())) : undefined
    const home = new RunningOrigin(secure, protocols, options)
    const server =
      certificate === undefined
        ? createTcpServer({ allowHalfOpen: true })
        : createTlsServer({ ...certificate, ALPNProtocols: [...protocols], allowHalfOpen: true })
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => home.onConnection(socket))
    if (secure) server.on('connection', (socket: Socket) => home.keep(socket))
    server.on('tlsClientError', ignore)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return new TestOrigin(server, home, certificate && (certificate.ca ?? certificate.cert))
  }

  /** The URL of a path. */
  url(path = '/'): string {
    return new URL(path, this.origin).href
  }

  /**
   * Answers requests of a route so, from now on. What has no route gets 404.
   * @param route `/path`, `METHOD /path`, or `*` for all that has none of its own.
   * @returns this
   * @throws {InvalidArgumentError} naming what cannot be carried out.
   */
  answer(route: string, script: Script): this {
    this.home.scripts.set(route, script)
    return this
  }

  /** Answers the next requests so, whatever they ask for, each once. */
  next(...answers: readonly Answer[]): this {
    this.home.scripts.add(answers)
    return this
  }

  /** Every request so far, in the order of their heads. */
  get requests(): readonly TestRequest[] {
    return this.home.requests
  }

  /** Connections so far, and those that are open now. */
  get connections(): { readonly total: number; readonly open: number } {
    return { total: this.home.count, open: this.home.sides.size }
  }

  /**
   * The oldest request that was not taken yet, as soon as it has come whole.
   * @param options `timeout` in milliseconds, 5,000 by default.
   * @throws {TimeoutError} when none comes in time, {ConnectionLostError} when the origin is closed.
   */
  async takeRequest({ timeout = PATIENCE }: { readonly timeout?: number } = {}): Promise<TestRequest> {
    const request = await this.home.take(timeout, this.origin)
    await request.body.catch(ignore)
    return request
  }

  /** GOAWAY on every connection: what is open may finish. Over HTTP/1.1 the next answer is the last. */
  goaway(code = 0): void {
    for (const side of this.home.sides.values()) side.goaway(code)
  }

  /**
   * Other SETTINGS, on connections that are open and those to come: fewer streams, smaller windows.
   * @throws {InvalidArgumentError} naming what is unknown or invalid.
   */
  limit(settings: { readonly maxConcurrentStreams?: number; readonly streamWindow?: number }): void {
    refuseUnknown(settings, new Set(Object.keys(LIMITS)))
    checkEach(settings, LIMITS)
    this.home.limit(settings)
  }

  /** Closes every connection without GOAWAY or a response. */
  cut(): void {
    for (const socket of this.home.sockets) socket.destroy()
  }

  /** Reads and says nothing more, on no connection, until `unmute()`: a peer that is gone, or a way that is broken. */
  mute(): void {
    this.home.setMute(true)
  }

  /** Ends `mute()`: what arrived meanwhile is read. */
  unmute(): void {
    this.home.setMute(false)
  }

  /** Forgets routes, answers to come, and what was written down. Connections stay. */
  reset(): void {
    this.home.scripts.clear()
    this.home.requests.length = 0
    this.home.forgetTaken()
  }

  /** Ends every connection and stops listening. */
  async close(): Promise<void> {
    this.home.close()
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    this.cut()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
