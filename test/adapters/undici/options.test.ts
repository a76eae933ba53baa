/** The options of a single request, over both protocols. */
import '../../support/virtual-time.ts'

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { mock, test } from 'node:test'
import { type Dispatcher, errors } from 'undici'
import { ContinueGate } from '../../../adapters/undici/body.ts'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

type Start = (routes?: Routes) => Promise<TestOrigin>

for (const start of [startH2Origin, startH1Origin] as Start[]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'

  for (const options of [
    { blocking: true },
    { blocking: false },
    { idempotent: false },
    { idempotent: true },
    { reset: false },
    { typeOfService: 8 },
    { maxRedirections: 0 },
    { headersTimeout: 0, bodyTimeout: 0 },
    { servername: 'localhost' },
    { headersTimeout: null, bodyTimeout: null, headers: null, body: null, query: undefined, upgrade: null },
  ]) {
    test(`${JSON.stringify(options)} is taken over ${protocol}`, async () => {
      await using origin = await start()
      await using dispatcher = dispatcherFor(origin)
      const full = { origin: origin.origin, path: '/json', method: 'GET', ...options } as Dispatcher.RequestOptions
      const { statusCode, body } = await dispatcher.request(full)
      assert.equal(statusCode, 200)
      await body.dump()
    })
  }

  test(`reset ends the connection of HTTP/1.1, and no other: ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const options = { origin: origin.origin, path: '/json', method: 'GET' as const }
    for (const extra of [{ reset: true }, { headers: { connection: 'close' } }, {}]) {
      await (await dispatcher.request({ ...options, ...extra } as typeof options)).body.dump()
    }
    assert.equal(origin.connections, protocol === 'HTTP/2' ? 1 : 3)
  })

  test(`responseHeaders: 'raw' gives the fields as they came over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const options = {
      origin: origin.origin,
      path: '/set-cookie',
      method: 'GET' as const,
      responseHeaders: 'raw' as const,
    }
    const { headers, body } = await dispatcher.request(options)
    await body.dump()
    const raw = headers as unknown as string[]
    assert.ok(Array.isArray(raw))
    const cookies = raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === 'set-cookie')
    assert.deepEqual(cookies, ['a=1; Path=/', 'b=2; Path=/'])
  })

  test(`headersTimeout and bodyTimeout are enforced over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const options = { origin: origin.origin, method: 'GET' as const }
    const slow = dispatcher.request({ ...options, path: '/slow', headersTimeout: 40 })
    await assert.rejects(slow, errors.HeadersTimeoutError)
    const { body } = await dispatcher.request({ ...options, path: '/slow-body', bodyTimeout: 40 })
    await assert.rejects(body.text(), errors.BodyTimeoutError)
  })

  test(`async context is kept in handlers' results and in body events over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin, { connections: 1 })
    const storage = new AsyncLocalStorage<number>()
    const found = await Promise.all(
      [1, 2, 3].map((id) =>
        storage.run(id, async () => {
          const { body } = await dispatcher.request({ origin: origin.origin, path: '/bytes/100000', method: 'GET' })
          const seen = [storage.getStore()]
          for await (const _ of body) seen.push(storage.getStore())
          return new Set([id, ...seen])
        }),
      ),
    )
    for (const seen of found) assert.equal(seen.size, 1)
  })
}

const makers = [() => 'text', () => Readable.from([Buffer.from('te'), Buffer.from('xt')]), () => new Blob(['text'])]

test('expectContinue sends the body once the server asks for it', async () => {
  const events: string[] = []
  await using origin = await startH2Origin((stream, headers) => {
    events.push(`expect ${headers['expect']}`)
    stream.once('data', () => events.push('body'))
    setTimeout(() => {
      events.push('asked')
      stream.additionalHeaders({ ':status': 100 })
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
    }, 30)
  })
  await using dispatcher = dispatcherFor(origin)
  for (const make of makers) {
    events.length = 0
    const options = { origin: origin.origin, path: '/', method: 'POST' as const, body: make() as string }
    const { body } = await dispatcher.request({ ...options, expectContinue: true } as typeof options)
    assert.equal(await body.text(), 'text')
    assert.deepEqual(events, ['expect 100-continue', 'asked', 'body'])
  }
})

test('expectContinue changes nothing over HTTP/1.1, as with undici', async () => {
  await using origin = await startH1Origin()
  await using dispatcher = dispatcherFor(origin)
  for (const make of makers) {
    const options = { origin: origin.origin, path: '/echo', method: 'POST' as const, body: make() as string }
    const { body } = await dispatcher.request({ ...options, expectContinue: true } as typeof options)
    assert.equal((await body.text()).replace('!', ''), 'text')
  }
  assert.equal(origin.requests[0]?.headers['expect'], undefined)
})

test('expectContinue does not send a body that the server refuses', async () => {
  let octets = 0
  await using origin = await startH2Origin((stream) => {
    stream.on('data', (chunk: Buffer) => {
      octets += chunk.length
    })
    stream.respond({ ':status': 417 })
    stream.end('no')
  })
  await using dispatcher = dispatcherFor(origin)
  for (let i = 0; i < 2; i++) {
    const options = { origin: origin.origin, path: '/', method: 'PUT' as const, body: 'x'.repeat(100_000) }
    const { statusCode, body } = await dispatcher.request({ ...options, expectContinue: true } as typeof options)
    assert.deepEqual([statusCode, await body.text()], [417, 'no'])
  }
  assert.deepEqual([octets, origin.connections], [0, 1])
})

test('expectContinue sends the body after a second to a server that does not answer with 100', async () => {
  await using origin = await startH2Origin((stream) => {
    stream.once('data', (chunk: Buffer) => {
      stream.respond({ ':status': 200 })
      stream.end(chunk)
    })
  })
  await using dispatcher = dispatcherFor(origin)
  const options = { origin: origin.origin, path: '/', method: 'POST' as const, body: 'text' }
  const { body } = await dispatcher.request({ ...options, expectContinue: true } as typeof options)
  assert.equal(await body.text(), 'text')
})

test('expectContinue never sends a body after the server has refused it, however long its answer takes', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  for (const asked of ['before', 'after'] as const) {
    const gate = new ContinueGate()
    const stream = Readable.from([Buffer.from('text')])
    const held = gate.hold(stream, {})
    const sink = { onPiece: mock.fn(() => true), onUploadEnd: mock.fn(), onUploadFailed: mock.fn() }
    if (asked === 'after') gate.hush()
    held.attach(sink)
    if (asked === 'before') gate.hush()
    context.mock.timers.tick(10_000)
    await new Promise(setImmediate)
    gate.close()
    gate.open()
    await new Promise(setImmediate)
    for (const told of Object.values(sink)) assert.equal(told.mock.callCount(), 0)
    // As the exchange does when it is over.
    held.release(null)
    assert.equal(stream.destroyed, true)
  }
})

test('expectContinue lets go of a stream that the server refuses', async () => {
  await using origin = await startH2Origin((stream) => {
    stream.respond({ ':status': 417 })
    stream.end('no')
  })
  await using dispatcher = dispatcherFor(origin)
  const upload = new Readable({ read() {} })
  const closed = once(upload, 'close')
  const options = { origin: origin.origin, path: '/', method: 'PUT' as const, body: upload }
  const { statusCode, body } = await dispatcher.request({ ...options, expectContinue: true } as typeof options)
  assert.deepEqual([statusCode, await body.text()], [417, 'no'])
  await closed
})
