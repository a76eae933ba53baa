/** What undici's own HTTP/2 does otherwise, and should not: each is right here, and HTTP/1.1 does the same where it can. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { errors, fetch as undiciFetch } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

const manyFields = Object.fromEntries(Array.from({ length: 140 }, (_, i) => [`x-field-${i}`, `value ${i}`]))
const routes: Routes = {
  '/many'(_call, answer) {
    answer.head(200, manyFields)
    answer.end()
  },
  '/large'(_call, answer) {
    answer.head(200, { 'x-large': 'x'.repeat(9000) })
    answer.end()
  },
}

type Start = (routes?: Routes) => Promise<TestOrigin>

for (const start of [startH2Origin, startH1Origin] as Start[]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'

  test(`a response may have 140 header fields over ${protocol}`, async () => {
    await using origin = await start(routes)
    await using dispatcher = dispatcherFor(origin)
    const { headers, body } = await dispatcher.request({ origin: origin.origin, path: '/many', method: 'GET' })
    await body.dump()
    assert.equal(headers['x-field-139'], 'value 139')
  })

  test(`maxHeaderSize is enforced over ${protocol} with HeadersOverflowError`, async () => {
    await using origin = await start(routes)
    await using dispatcher = dispatcherFor(origin, { maxHeaderSize: 8192 })
    const large = dispatcher.request({ origin: origin.origin, path: '/large', method: 'GET' })
    await assert.rejects(large, errors.HeadersOverflowError)
    const { body } = await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })
    await body.dump()
  })

  for (const [name, value] of [
    ['te', 'gzip'],
    ['proxy-connection', 'keep-alive'],
  ] as const) {
    test(`${name} of one request disturbs no other over ${protocol}`, async () => {
      await using origin = await start()
      await using dispatcher = dispatcherFor(origin)
      const good = dispatcher.request({ origin: origin.origin, path: '/bytes/50000', method: 'GET' })
      const odd = dispatcher.request({
        origin: origin.origin,
        path: '/json',
        method: 'GET',
        headers: { [name]: value },
      })
      assert.equal((await (await good).body.arrayBuffer()).byteLength, 50_000)
      await (await odd).body.dump()
    })
  }

  test(`Host headers that alternate share two connections over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = new HyperDispatcher({ connect: { ca: origin.ca, checkServerIdentity: () => undefined } })
    for (let i = 0; i < 6; i++) {
      const headers = { host: i % 2 === 0 ? 'one.example' : 'two.example' }
      const { body } = await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET', headers })
      await body.dump()
    }
    assert.equal(origin.connections, 2)
    assert.deepEqual(
      origin.requests.map(({ headers }) => headers[':authority'] ?? headers['host']),
      [1, 2, 3].flatMap(() => ['one.example', 'two.example']),
    )
  })

  test(`a trailer section of the request is sent: ${protocol}`, async () => {
    const heard: unknown[] = []
    await using origin = await start({
      async '/trailed'(call, answer) {
        if (call.protocol === 'h2') {
          const stream = call.body as ServerHttp2Stream
          const trailers = once(stream, 'trailers')
          stream.resume()
          heard.push((await trailers)[0]['x-sum'])
        } else {
          const message = call.body as IncomingMessage
          message.resume()
          await once(message, 'end')
          heard.push(message.trailers['x-sum'])
        }
        answer.head(200)
        answer.end()
      },
    })
    await using dispatcher = dispatcherFor(origin)
    const options = { origin: origin.origin, path: '/trailed', method: 'POST' as const, body: 'text' }
    const response = await dispatcher.request({ ...options, trailers: { 'x-sum': 'abc' } } as typeof options)
    await response.body.dump()
    assert.deepEqual(heard, ['abc'])
  })
}

test('abort() resets the stream with CANCEL', async () => {
  const streams = new EventEmitter()
  await using origin = await startH2Origin((stream) => {
    stream.on('close', () => streams.emit('closed', stream.rstCode))
    streams.emit('opened')
  })
  await using dispatcher = dispatcherFor(origin)
  const controller = new AbortController()
  const opened = once(streams, 'opened')
  const closed = once(streams, 'closed')
  const request = dispatcher.request({ origin: origin.origin, path: '/', method: 'GET', signal: controller.signal })
  await opened
  controller.abort()
  await assert.rejects(request, { name: 'AbortError' })
  assert.deepEqual(await closed, [8])
})

for (const [what, refuse] of [
  ['REFUSED_STREAM', (stream: ServerHttp2Stream) => stream.close(7)],
  // 0 has been processed: the request that it answers has not.
  ['a GOAWAY that leaves it behind', (stream: ServerHttp2Stream) => stream.session?.goaway(0, Number(stream.id) - 2)],
] as const) {
  test(`a POST of fetch is sent again after ${what}`, async () => {
    let calls = 0
    await using origin = await startH2Origin((stream) => {
      if (++calls === 2) {
        refuse(stream)
        return
      }
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
    })
    await using dispatcher = dispatcherFor(origin)
    const post = async (body: string): Promise<string> => {
      const response = await undiciFetch(origin.origin, { dispatcher, method: 'POST', body })
      return response.text()
    }
    assert.equal(await post('first'), 'first')
    assert.equal(await post('second'), 'second')
    assert.equal(calls, 3)
  })
}

test('the first requests go at once: one connection, however many', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      const body = i % 2 === 0 ? undefined : Readable.from([Buffer.from('text')])
      const method = body === undefined ? 'GET' : 'POST'
      const response = await dispatcher.request({ origin: origin.origin, path: '/echo', method, body: body ?? null })
      await response.body.dump()
    }),
  )
  assert.equal(origin.connections, 1)
})
