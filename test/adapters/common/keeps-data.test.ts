/** Handlers say whether they keep the data that they are given: a connection frees early what is not kept. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import axios from 'axios'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { createFetch } from '../../../adapters/fetch.ts'
import type { ExchangeHandler, Transport } from '../../../src/exchange/contract.ts'
import { Pool } from '../../../src/index.ts'
import { startH1Origin } from '../../support/origin.ts'

/** Passes on to a pool, and remembers what `keepsData` of each handler was with its first data. */
class Watching implements Transport {
  readonly seen = Promise.withResolvers<boolean>()
  private readonly pool: Pool

  constructor(pool: Pool) {
    this.pool = pool
  }

  dispatch(...[request, handler]: Parameters<Transport['dispatch']>): ReturnType<Transport['dispatch']> {
    const { seen } = this
    const watched: ExchangeHandler = Object.create(handler, {
      onData: {
        value(this: ExchangeHandler, chunk: Buffer) {
          seen.resolve(this.keepsData === true)
          handler.onData.call(this, chunk)
        },
      },
    })
    return this.pool.dispatch(request, watched)
  }
}

/** @returns what the handler said when the body began, which `read` asks for. */
async function said(read: (transport: Transport, url: string) => Promise<unknown>): Promise<boolean> {
  await using origin = await startH1Origin({
    '/late'(_call, answer) {
      answer.head(200)
      answer.write('')
      setTimeout(() => answer.end('x'.repeat(10)), 20)
    },
  })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const transport = new Watching(pool)
  await read(transport, `${origin.origin}/late`)
  return transport.seen.promise
}

for (const responseType of ['arraybuffer', 'stream'] as const) {
  const keeps = responseType === 'arraybuffer'
  test(`axios ${keeps ? 'keeps' : 'does not keep'} the data of a body of the type ${responseType}`, async () => {
    const read = async (pool: Transport, url: string): Promise<void> => {
      const { data } = await axios.get(url, { adapter: createHyperAdapter({ pool }), responseType })
      if (!keeps) for await (const _ of data);
    }
    assert.equal(await said(read), keeps)
  })
}

test('fetch keeps the data of a body that is read whole, and not of one that is read as a stream', async () => {
  assert.equal(await said(async (pool, url) => (await createFetch({ pool })(url)).text()), true)
  const streamed = async (pool: Transport, url: string): Promise<void> => {
    const { body } = await createFetch({ pool })(url)
    if (body !== null) for await (const _ of body);
  }
  assert.equal(await said(streamed), false)
})
