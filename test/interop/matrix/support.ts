/** What the parts of the matrix share. */
import type { PoolOptions } from '../../../src/index.ts'
import { Pool } from '../../../src/index.ts'
import { type Received, send } from '../../support/exchange.ts'
import { startH1Origin, type TestOrigin } from '../../support/origin.ts'
import { SMALL } from '../../support/programs.ts'
import { patternBytes } from '../../support/routes.ts'

export const TEN_MIB = 10 << 20

/** No cell takes longer; most take some milliseconds. */
export const PATIENCE = 20_000

/** A pool that counts its connections and lets a test wait for the end of one. */
export class WatchedPool extends Pool {
  /** Connections made so far. */
  made = 0
  private gone = 0
  private wake: () => void = () => {}

  constructor(options: PoolOptions) {
    super({
      ...options,
      events: {
        connect: () => {
          this.made++
        },
        disconnect: () => {
          this.gone++
          this.wake()
        },
      },
    })
  }

  /** Resolves when so many connections are gone in all. */
  async disconnects(count: number): Promise<void> {
    const deadline = setTimeout(() => {
      this.gone = Number.POSITIVE_INFINITY
      this.wake()
    }, PATIENCE / 2)
    while (this.gone < count) {
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    clearTimeout(deadline)
    if (this.gone === Number.POSITIVE_INFINITY) throw new Error('the server did not close the connection')
  }
}

/** Waits until something is so that no event tells. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE / 2
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not come in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** An exchange that ends in time, whatever happens. */
export function ask(pool: Pool, request: Parameters<typeof send>[1]): Promise<Received> {
  return send(pool, { timeout: PATIENCE / 2, ...request })
}

/** What stands behind the servers that are proxies: HTTP/1.1 without TLS. */
export function startBackend(): Promise<TestOrigin> {
  const small = { 'content-length': SMALL.length }
  return startH1Origin(
    {
      // Read whole before it is answered: h2o reads no answer before it has sent its request.
      async '/echo'(call, answer) {
        const chunks: Buffer[] = []
        for await (const chunk of call.body) chunks.push(chunk as Buffer)
        answer.head(200)
        answer.end(Buffer.concat(chunks))
      },
      '/small'(call, answer) {
        answer.head(200, small)
        answer.end(call.method === 'HEAD' ? undefined : SMALL)
      },
      // h2o pushes what it preloads.
      '/page'(_call, answer) {
        answer.head(200, { ...small, link: '</small>; rel=preload' })
        answer.end(SMALL)
      },
      '/ten-megabytes'(_call, answer) {
        answer.head(200, { 'content-length': TEN_MIB })
        answer.end(patternBytes(TEN_MIB))
      },
    },
    { plain: true },
  )
}
