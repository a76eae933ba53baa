/** Handlers say what they do with the data that they are given: a connection reads accordingly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import axios from 'axios'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { createFetch } from '../../../adapters/fetch.ts'
import type { DataUse, ExchangeHandler, Transport } from '../../../src/exchange/contract.ts'
import { Pool } from '../../../src/index.ts'
import { startH1Origin } from '../../support/origin.ts'

/** Passes on to a pool, and remembers what `dataUse` of each handler was with its first data. */
class Watching implements Transport {
  readonly seen = Promise.withResolvers<DataUse | undefined>()
  private readonly pool: Pool

  constructor(pool: Pool) {
    this.pool = pool
  }

  dispatch(...[request, handler]: Parameters<Transport['dispatch']>): ReturnType<Transport['dispatch']> {
    const { seen } = this
    const watched: ExchangeHandler = Object.create(handler, {
      onData: {
        value(this: ExchangeHandler, chunk: Buffer) {
          seen.resolve(this.dataUse)
          handler.onData.call(this, chunk)
        },
      },
    })
    return this.pool.dispatch(request, watched)
  }
}

/** @returns what the handler said when the body began, which `read` asks for. */
async function said(read: (transport: Transport, url: string) => Promise<unknown>): Promise<DataUse | undefined> {
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

for (const [responseType, use] of [
  ['arraybuffer', 'joined'],
  ['stream', 'passed on'],
] as const) {
  test(`the data of a body of the type ${responseType} is ${use} by axios`, async () => {
    const read = async (pool: Transport, url: string): Promise<void> => {
      const { data } = await axios.get(url, { adapter: createHyperAdapter({ pool }), responseType })
      if (use === 'passed on') for await (const _ of data);
    }
    assert.equal(await said(read), use)
  })
}

test('fetch joins the data of a body that is read whole, and passes on that of one that is read as a stream', async () => {
  assert.equal(await said(async (pool, url) => (await createFetch({ pool })(url)).text()), 'joined')
  const streamed = async (pool: Transport, url: string): Promise<void> => {
    const { body } = await createFetch({ pool })(url)
    if (body !== null) for await (const _ of body);
  }
  assert.equal(await said(streamed), 'passed on')
})
