/** The bare transports of the matrix: callbacks or events, and nothing between. */
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { ExchangeRequest } from '../../src/index.ts'
import {
  CONNECTIONS,
  dispatcherFor,
  drainedByEvents,
  makePool,
  overHttp2,
  type Place,
  type Sender,
} from './libraries.ts'

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

/** Node's own: node:http2 with windows as large as ours, or node:http and node:https with an agent that keeps connections. */
export function nodeOwn(place: Place): Sender {
  return overHttp2(place.protocol) ? nodeHttp2(place) : nodeHttp(place)
}

function nodeHttp2({ origin, ca }: Place): Sender {
  const session = http2.connect(origin, { ca, settings: { initialWindowSize: 4 * 1024 * 1024, enablePush: false } })
  session.once('connect', () => session.setLocalWindowSize(32 * 1024 * 1024))
  return sender(
    ({ method, path, headers, body, stream }, settle) => {
      const request = session.request({ ':method': method, ':path': path, ...headers }, { endStream: !body && !stream })
      let fine = false
      request.once('response', (fields) => {
        fine = good(fields[':status'])
      })
      request.once('error', (error) => settle(undefined, error))
      let octets = 0
      request.on('data', (chunk: Buffer) => {
        octets += chunk.length
      })
      request.once('end', () => settle(fine ? octets : undefined, new Error('status')))
      if (stream !== undefined) stream().pipe(request)
      else if (body !== undefined) request.end(body)
    },
    () => new Promise((resolve) => session.close(() => resolve())),
  )
}

function nodeHttp({ origin, ca }: Place): Sender {
  const secure = origin.startsWith('https:')
  const options = { keepAlive: true, maxSockets: CONNECTIONS }
  const agent = secure ? new https.Agent({ ...options, ca }) : new http.Agent(options)
  const { hostname, port } = new URL(origin)
  const make = secure ? https.request : http.request
  return sender(
    ({ method, path, headers, body, stream }, settle) => {
      const request = make({ agent, hostname, port, method, path, headers }, (response) => {
        drainedByEvents(response).then(
          (octets) => settle(good(response.statusCode) ? octets : undefined, new Error('status')),
          (error) => settle(undefined, error),
        )
      })
      request.once('error', (error) => settle(undefined, error))
      if (stream === undefined) request.end(body)
      else stream().pipe(request)
    },
    () => agent.destroy(),
  )
}
