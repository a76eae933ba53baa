/** The bare transports: callbacks in, callbacks out. */
import http2 from 'node:http2'
import type { FieldList } from '../../src/index.ts'
import { built } from '../built.ts'
import type { BenchClient, Meter, Turn } from '../contract.ts'

/** Our Pool.dispatch. */
export async function poolDispatch(origin: string, ca: string): Promise<BenchClient> {
  const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
  const pool = new Pool({ tls: { ca } })
  return {
    run: (turn, meter) =>
      new Promise((resolve) => {
        let open = 0
        const request = { origin, method: 'GET', path: turn.path, headers: ['user-agent', 'bench', 'accept', '*/*'] }
        class Handler {
          private readonly start = performance.now()
          private good = false
          private octets = 0
          onHeaders(status: number, _fields: FieldList): void {
            this.good = status === 200
          }
          onData(chunk: Buffer): void {
            this.octets += chunk.length
          }
          onEnd(): void {
            meter.done(this.start, this.good && this.octets === turn.octets)
            next()
          }
          onError(error: Error): void {
            meter.done(this.start, false, error)
            next()
          }
        }
        const next = (): void => {
          open--
          if (meter.more && meter.errors < 1000) begin()
          else if (open === 0) resolve()
        }
        const begin = (): void => {
          open++
          pool.dispatch(request, new Handler())
        }
        for (let i = 0; i < turn.inFlight; i++) begin()
      }),
    close: () => pool.close(),
  }
}

/** node:http2, with windows as large as ours. */
export function nodeHttp2(origin: string, ca: string): BenchClient {
  const session = http2.connect(origin, { ca, settings: { initialWindowSize: 4 * 1024 * 1024, enablePush: false } })
  session.once('connect', () => session.setLocalWindowSize(32 * 1024 * 1024))
  return {
    run: (turn: Turn, meter: Meter) =>
      new Promise((resolve) => {
        let open = 0
        const begin = (): void => {
          open++
          const start = performance.now()
          let good = false
          let octets = 0
          const stream = session.request({ ':path': turn.path, 'user-agent': 'bench', accept: '*/*' })
          stream.on('response', (headers) => {
            good = headers[':status'] === 200
          })
          stream.on('data', (chunk: Buffer) => {
            octets += chunk.length
          })
          stream.on('end', () => {
            meter.done(start, good && octets === turn.octets)
            next()
          })
          stream.on('error', (error) => {
            meter.done(start, false, error)
            next()
          })
        }
        const next = (): void => {
          open--
          if (meter.more && meter.errors < 1000) begin()
          else if (open === 0) resolve()
        }
        for (let i = 0; i < turn.inFlight; i++) begin()
      }),
    close: () => new Promise((resolve) => session.close(() => resolve())),
  }
}
