/** HTTP/1.1 connections: what exchanges that share one, or pause, have of it. */
import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Pool } from '../../src/index.ts'
import { begin, send } from '../support/exchange.ts'
import { startH1Origin } from '../support/origin.ts'

/** The text of each write of several chunks at once, by any socket, while the test runs. */
function joinedWrites(t: TestContext): string[] {
  const texts: string[] = []
  const { prototype } = Socket
  const { _writev: writev } = prototype
  prototype._writev = function spy(this: Socket, chunks, callback): void {
    texts.push(chunks.map(({ chunk }) => String(chunk)).join(''))
    writev?.call(this, chunks, callback)
  }
  t.after(() => {
    if (writev !== undefined) prototype._writev = writev
  })
  return texts
}

test('requests with different Host fields share a connection', async () => {
  await using origin = await startH1Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const hosts = [undefined, `localhost:${origin.port}`, 'other.example', undefined, '[::1]']
  for (const host of hosts) {
    const headers = host === undefined ? {} : { host }
    const { status } = await send(pool, { origin: origin.origin, path: '/json', method: 'POST', headers })
    assert.equal(status, 200, `Host: ${host}`)
  }
  assert.equal(origin.connections, 1)
})

for (const [name, later] of [
  ['a microtask', queueMicrotask],
  ['the next tick', process.nextTick],
  ['an immediate', setImmediate],
] as const) {
  test(`an exchange that pauses at each chunk, until ${name}, gets the whole of the body and no empty chunks`, async () => {
    const octets = 3_000_000
    await using origin = await startH1Origin({
      '/large': (_call, answer) => {
        answer.head(200)
        answer.end(Buffer.alloc(octets))
      },
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    let received = 0
    let empty = 0
    await new Promise<void>((resolve, reject) => {
      const exchange = pool.dispatch(
        { origin: origin.origin, method: 'GET', path: '/large' },
        {
          onHeaders() {},
          onData(chunk) {
            if (chunk.length === 0) {
              empty++
              exchange.abort()
              return
            }
            received += chunk.length
            exchange.pause()
            later(() => exchange.resume())
          },
          onEnd: () => resolve(),
          onError: reject,
        },
      )
    })
    assert.equal(empty, 0)
    assert.equal(received, octets)
  })
}

for (const when of ['at once', 'while its next piece is awaited', 'by an early response'] as const) {
  test(`a body made for an attempt is destroyed when the exchange ends ${when}`, async () => {
    let begun: ReturnType<typeof begin> | undefined
    await using origin = await startH1Origin({
      '/upload': (call, answer) => {
        call.body.once('data', () => {
          if (when === 'by an early response') {
            answer.head(200)
            answer.end('early')
          } else begun?.exchange.abort()
        })
      },
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    await send(pool, { origin: origin.origin, path: '/json' })
    const ended = Promise.withResolvers<void>()
    const body = (): Readable => {
      let given = false
      return new Readable({
        read() {
          if (!given) this.push('x')
          given = true
        },
        destroy(_error, callback) {
          ended.resolve()
          callback(null)
        },
      })
    }
    begun = begin(pool, { origin: origin.origin, method: 'POST', path: '/upload', body })
    if (when === 'at once') begun.exchange.abort()
    await begun.handler.result.catch(() => {})
    await ended.promise
  })
}

test('a chunk of a body goes out in one write, with its size before it and its line end behind it', async (t) => {
  await using origin = await startH1Origin({}, { plain: true })
  const together = joinedWrites(t)
  await using pool = new Pool()
  async function* body(): AsyncGenerator<string> {
    yield 'abc'
    await turn()
    yield 'defgh'
  }
  const request = { origin: origin.origin, method: 'POST', path: '/json', body: body() }
  assert.equal((await send(pool, request)).status, 200)
  assert.deepEqual(
    together.filter((text) => /abc|defgh/.test(text)),
    ['3\r\nabc\r\n', '5\r\ndefgh\r\n'],
  )
})

test('a request with a body that follows a response waits for the end of the reads, and goes out in one write', async (t) => {
  await using origin = await startH1Origin({}, { plain: true })
  const writes = joinedWrites(t)
  await using pool = new Pool()
  const requests = (): string[] => writes.filter((text) => text.startsWith('POST /json'))
  const dispatched: { readonly status: Promise<number>; readonly written: number }[] = []
  const get = { origin: origin.origin, method: 'GET', path: '/json' }
  const post = { origin: origin.origin, method: 'POST', path: '/json', body: 'abc' }
  await new Promise<void>((resolve, reject) => {
    pool.dispatch(get, {
      onHeaders() {},
      onData() {},
      onEnd() {
        const second = begin(pool, post)
        dispatched.push({ status: second.handler.result.then(({ status }) => status), written: requests().length })
        resolve()
      },
      onError: reject,
    })
  })
  const [{ status, written }] = dispatched
  assert.equal(written, 0, 'written while the reads of this turn may go on')
  assert.equal(await status, 200)
  assert.match(requests()[0], /^POST \/json HTTP\/1\.1\r\n[\s\S]*\r\n\r\nabc$/)
  assert.equal(origin.connections, 1)
})
