/** The clients of the lifecycle benchmarks, by what they can do. Each is loaded only in the process that runs it. */
import http2 from 'node:http2'
import type { LookupFunction } from 'node:net'
import { built } from '../built.ts'

/** Milliseconds after which a request counts as failed; long enough for a busy machine. */
export const PATIENCE = 60_000

export interface LifecycleClient {
  /** Resolves with the octets of the body. */
  get(origin: string, path: string): Promise<number>
  /** Sends a request whose answer never ends; what is returned gives it up. `onHeaders` is told when the answer begins. */
  hold?(origin: string, path: string, onHeaders?: () => void): () => void
  close(): Promise<void> | void
}

/** Every name is on this machine. */
const lookup: LookupFunction = (_host, options, callback) => {
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}

export const lifecycleClients: Readonly<Record<string, (ca: string) => Promise<LifecycleClient>>> = {
  async ours(ca) {
    const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
    const pool = new Pool({ tls: { ca }, lookup })
    const ignore = (): void => {}
    return {
      get: (origin, path) =>
        new Promise((resolve, reject) => {
          let octets = 0
          pool.dispatch(
            { origin, method: 'GET', path },
            {
              onHeaders: ignore,
              onData: (chunk) => {
                octets += chunk.length
              },
              onEnd: () => resolve(octets),
              onError: reject,
            },
          )
        }),
      hold(origin, path, onHeaders = ignore) {
        const exchange = pool.dispatch(
          { origin, method: 'GET', path },
          { onHeaders, onData: ignore, onEnd: ignore, onError: ignore },
        )
        exchange.pause()
        return () => exchange.abort()
      },
      close: () => pool.destroy(),
    }
  },

  async 'undici, its h2'(ca) {
    const { Agent, request } = await import('undici')
    const dispatcher = new Agent({ allowH2: true, connect: { ca, lookup }, headersTimeout: PATIENCE })
    return {
      async get(origin, path) {
        const { body } = await request(`${origin}${path}`, { dispatcher })
        return (await body.arrayBuffer()).byteLength
      },
      hold(origin, path, onHeaders) {
        const controller = new AbortController()
        request(`${origin}${path}`, { dispatcher, signal: controller.signal }).then(
          ({ body }) => {
            body.on('error', () => {})
            onHeaders?.()
          },
          () => {},
        )
        return () => controller.abort()
      },
      close: () => dispatcher.destroy(),
    }
  },

  async 'got, its http2'(ca) {
    const { default: got } = await import('got')
    const instance = got.extend({
      http2: true,
      dnsLookup: lookup as never,
      https: { certificateAuthority: ca },
      retry: { limit: 0 },
      responseType: 'buffer',
    })
    return {
      get: async (origin, path) => (await instance.get(`${origin}${path}`)).rawBody.length,
      close: () => {},
    }
  },

  async 'node:http2'(ca) {
    const sessions = new Map<string, http2.ClientHttp2Session>()
    const sessionOf = (origin: string): http2.ClientHttp2Session => {
      let session = sessions.get(origin)
      if (session === undefined) {
        session = http2.connect(origin, { ca, lookup })
        session.on('error', () => {})
        sessions.set(origin, session)
      }
      return session
    }
    return {
      get: (origin, path) =>
        new Promise((resolve, reject) => {
          let octets = 0
          const stream = sessionOf(origin).request({ ':path': path })
          stream.on('data', (chunk: Buffer) => {
            octets += chunk.length
          })
          stream.on('end', () => resolve(octets))
          stream.on('error', reject)
        }),
      hold(origin, path, onHeaders) {
        const stream = sessionOf(origin).request({ ':path': path })
        stream.on('error', () => {})
        if (onHeaders !== undefined) stream.once('response', onHeaders)
        return () => stream.close(http2.constants.NGHTTP2_CANCEL)
      },
      close: () => {
        for (const session of sessions.values()) session.destroy()
      },
    }
  },
}
