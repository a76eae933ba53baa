/** The bare transports of the matrix: callbacks or events, and nothing between. */
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { gunzipSync } from 'node:zlib'
import type { ExchangeRequest } from '../../src/index.ts'
import { CONNECTIONS, dispatcherFor, makePool, overHttp2, type Place, type Sender } from './libraries.ts'
import { STREAMED } from './works.ts'

type Settle = (octets: number | undefined, error?: unknown) => void

/** What has callbacks as a sender: one promise a request, for all of them alike. */
function sender(begin: (...args: [...Parameters<Sender['send']>, Settle]) => void, close: Sender['close']): Sender {
  return {
    send: (shot) =>
      new Promise((resolve, reject) => {
        begin(shot, (octets, error) => (octets === undefined ? reject(error) : resolve(octets)))
      }),
    close,
  }
}

const good = (status: unknown): boolean => status === 200 || status === 204

/** Our `Pool.dispatch`. */
export async function poolDispatch(place: Place): Promise<Sender> {
  const pool = await makePool(place)
  class Handler {
    private good = false
    private octets = 0
    private readonly settle: Settle
    constructor(settle: Settle) {
      this.settle = settle
    }
    onHeaders(status: number): void {
      this.good = good(status)
    }
    onData(chunk: Buffer): void {
      this.octets += chunk.length
    }
    onEnd(): void {
      this.settle(this.good ? this.octets : undefined, new Error('status'))
    }
    onError(error: Error): void {
      this.settle(undefined, error)
    }
  }
  return sender(
    ({ method, path, headers, body, stream }, settle) => {
      const request: ExchangeRequest = { origin: place.origin, method, path, headers, body: body ?? stream?.() }
      pool.dispatch(request, new Handler(settle))
    },
    () => pool.close(),
  )
}

/** undici's own dispatch. */
export async function undiciDispatch(place: Place): Promise<Sender> {
  const dispatcher = await dispatcherFor(place, false)
  class Handler {
    private good = false
    private octets = 0
    private readonly settle: Settle
    constructor(settle: Settle) {
      this.settle = settle
    }
    onRequestStart(): void {}
    onResponseStart(_controller: unknown, status: number): void {
      this.good = good(status)
    }
    onResponseData(_controller: unknown, chunk: Buffer): void {
      this.octets += chunk.length
    }
    onResponseEnd(): void {
      this.settle(this.good ? this.octets : undefined, new Error('status'))
    }
    onResponseError(_controller: unknown, error: Error): void {
      this.settle(undefined, error)
    }
  }
  return sender(
    ({ method, path, headers, body, stream }, settle) => {
      dispatcher.dispatch(
        { origin: place.origin, method, path, headers, body: body ?? stream?.() ?? null },
        new Handler(settle),
      )
    },
    () => dispatcher.close(),
  )
}

/**
 * Node's own: node:http2 with windows as large as ours, or node:http and node:https with an agent that keeps connections.
 * @param whole the body is put together and decoded, as a client for people does; otherwise its octets are counted.
 */
export function nodeOwn(place: Place, whole = false): Sender {
  return overHttp2(place.protocol) ? nodeHttp2(place, whole) : nodeHttp(place, whole)
}

/** What becomes of a body. */
class Reading {
  private readonly chunks: Buffer[] | undefined
  private octets = 0

  constructor(whole: boolean) {
    this.chunks = whole ? [] : undefined
  }

  readonly take = (chunk: Buffer): void => {
    this.octets += chunk.length
    this.chunks?.push(chunk)
  }

  /** Its octets, decoded where it was put together. */
  length(coding: unknown): number {
    if (this.chunks === undefined) return this.octets
    const body = Buffer.concat(this.chunks, this.octets)
    return (coding === 'gzip' ? gunzipSync(body) : body).length
  }
}

function nodeHttp2({ origin, ca }: Place, whole: boolean): Sender {
  const session = http2.connect(origin, { ca, settings: { initialWindowSize: 4 * 1024 * 1024, enablePush: false } })
  session.once('connect', () => session.setLocalWindowSize(32 * 1024 * 1024))
  return sender(
    ({ method, path, headers, body, stream, drain }, settle) => {
      const request = session.request({ ':method': method, ':path': path, ...headers }, { endStream: !body && !stream })
      const reading = new Reading(whole && !drain)
      let fine = false
      let coding: unknown
      request.once('response', (fields) => {
        fine = good(fields[':status'])
        coding = fields['content-encoding']
      })
      request.once('error', (error) => settle(undefined, error))
      request.on('data', reading.take)
      request.once('end', () => settle(fine ? reading.length(coding) : undefined, new Error('status')))
      if (stream !== undefined) stream().pipe(request)
      else if (body !== undefined) request.end(body)
    },
    () => new Promise((resolve) => session.close(() => resolve())),
  )
}

function nodeHttp({ origin, ca }: Place, whole: boolean): Sender {
  const secure = origin.startsWith('https:')
  const options = { keepAlive: true, maxSockets: CONNECTIONS }
  const agent = secure ? new https.Agent({ ...options, ca }) : new http.Agent(options)
  const { hostname, port } = new URL(origin)
  const make = secure ? https.request : http.request
  return sender(
    ({ method, path, headers, body, stream, drain }, settle) => {
      const request = make({ agent, hostname, port, method, path, headers }, (response) => {
        const reading = new Reading(whole && !drain)
        response.on('data', reading.take)
        response.once('error', (error) => settle(undefined, error))
        response.once('end', () => {
          const fine = good(response.statusCode)
          settle(fine ? reading.length(response.headers['content-encoding']) : undefined, new Error('status'))
        })
      })
      request.once('error', (error) => settle(undefined, error))
      if (stream === undefined) request.end(body)
      else stream().pipe(request)
    },
    () => agent.destroy(),
  )
}

/** A socket that sends the octets of a request and drops those of the response, as they come: what no client can undercut. */
class BareSocket {
  private readonly socket: net.Socket
  private settle: Settle | undefined
  /** Octets of the response that are still to come; -1 while its head is not whole. */
  private left = -1
  private octets = 0
  private head = ''

  constructor(origin: string, ca: string) {
    const { hostname, port, protocol } = new URL(origin)
    const options = { host: hostname, port: Number(port) }
    this.socket = protocol === 'https:' ? tls.connect({ ...options, servername: hostname, ca }) : net.connect(options)
    this.socket.setNoDelay(true)
    this.socket.on('data', (chunk) => this.take(chunk))
    this.socket.on('error', (error) => this.finish(undefined, error))
    this.socket.on('close', () => this.finish(undefined, new Error('closed')))
  }

  get busy(): boolean {
    return this.settle !== undefined
  }

  send({ method, path, headers, body, stream }: Parameters<Sender['send']>[0], settle: Settle): void {
    this.settle = settle
    this.left = -1
    const fields = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
    const length = stream === undefined ? (body?.length ?? 0) : STREAMED
    if (method === 'POST') fields.push(`content-length: ${length}\r\n`)
    this.socket.write(`${method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n`, 'latin1')
    if (body !== undefined) this.socket.write(body)
    else stream?.().pipe(this.socket, { end: false })
  }

  close(): void {
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    let { length } = chunk
    if (this.left === -1) {
      this.head += chunk.toString('latin1')
      const end = this.head.indexOf('\r\n\r\n')
      if (end === -1) return
      this.octets = /^HTTP\/1.1 204/.test(this.head) ? 0 : Number(/content-length: (\d+)/i.exec(this.head)?.[1])
      this.left = this.octets
      length = this.head.length - end - 4
      this.head = ''
    }
    this.left -= length
    if (this.left === 0) this.finish(this.octets)
  }

  private finish(octets: number | undefined, error?: unknown): void {
    const { settle } = this
    this.settle = undefined
    settle?.(octets, error)
  }
}

/** As many bare sockets as there are requests at once; HTTP/1.1, since it takes the least. */
export function bareSockets({ origin, ca }: Place): Sender {
  const sockets: BareSocket[] = []
  return sender(
    (shot, settle) => {
      let free = sockets.find((socket) => !socket.busy)
      if (free === undefined) {
        free = new BareSocket(origin, ca)
        sockets.push(free)
      }
      free.send(shot, settle)
    },
    () => {
      for (const socket of sockets) socket.close()
    },
  )
}
