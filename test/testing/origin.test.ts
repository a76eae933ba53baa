/** The origin for tests of resilience: each line of its script, seen by our clients and by others. */
import assert from 'node:assert/strict'
import http2 from 'node:http2'
import https from 'node:https'
import { after, describe, test } from 'node:test'
import { createFetch } from '../../adapters/fetch.ts'
import { Pool, type PoolOptions } from '../../src/index.ts'
import { type Answer, TestOrigin, type TestOriginOptions } from '../../src/testing/index.ts'
import { testCertificate } from '../support/certificate.ts'
import { runModule } from '../support/child.ts'
import { Collecting } from '../support/exchange.ts'

const open: AsyncDisposable[] = []
after(async () => {
  for (const one of open.reverse()) await one[Symbol.asyncDispose]()
})

async function start(options: TestOriginOptions = {}): Promise<TestOrigin> {
  const origin = await TestOrigin.start(options)
  open.push(origin)
  return origin
}

function poolFor(origin: TestOrigin, options: PoolOptions = {}): Pool {
  const pool = new Pool({ tls: { ca: origin.ca ?? '' }, ...options })
  open.push({ [Symbol.asyncDispose]: () => pool.destroy() })
  return pool
}

function get(pool: Pool, origin: TestOrigin, path = '/', rest: { method?: string; body?: string } = {}): Collecting {
  const handler = new Collecting()
  pool.dispatch({ origin: origin.origin, method: 'GET', path, ...rest }, handler)
  return handler
}

for (const protocol of ['h2', 'http/1.1'] as const) {
  describe(`over ${protocol}`, () => {
    const ways: PoolOptions = { allowH2: protocol === 'h2', allowH1: protocol !== 'h2' }

    test(`TestOrigin answers with status, fields, body, JSON, trailers and informational responses over ${protocol}`, async () => {
      const origin = await start()
      origin.answer('/text', { status: 201, headers: { 'X-A': '1' }, body: 'hello', trailers: { 'X-T': '2' } })
      origin.answer('POST /json', { json: { a: 1 }, early: [{ status: 103, headers: { link: '</x>' } }] })
      const pool = poolFor(origin, ways)
      const text = await get(pool, origin, '/text?x=1').result
      assert.deepEqual([text.status, text.headers['x-a'], text.body.toString()], [201, '1', 'hello'])
      assert.deepEqual(text.trailers, ['x-t', '2'])
      const json = await get(pool, origin, '/json', { method: 'POST', body: 'sent' }).result
      assert.deepEqual(JSON.parse(json.body.toString()), { a: 1 })
      assert.deepEqual([json.informational, json.headers['content-type']], [[103], 'application/json'])
      assert.equal((await get(pool, origin, '/json').result).status, 404)
      const [first, second] = origin.requests
      assert.deepEqual(
        [first?.protocol, first?.method, first?.path, first?.connection],
        [protocol, 'GET', '/text?x=1', 1],
      )
      assert.equal(first?.headers['host'], `localhost:${origin.port}`)
      assert.equal((await second?.body)?.toString(), 'sent')
      assert.deepEqual(origin.connections, { total: 1, open: 1 })
    })

    test(`TestOrigin answers in order, then with the last; next() goes before all; a function sees the request, over ${protocol}`, async () => {
      const origin = await start()
      const pool = poolFor(origin, ways)
      origin.answer('*', [{ body: 'a' }, { body: 'b' }]).next({ body: 'first' })
      const bodies: string[] = []
      for (let i = 0; i < 4; i++) bodies.push((await get(pool, origin).result).body.toString())
      assert.deepEqual(bodies, ['first', 'a', 'b', 'b'])
      origin.answer('/echo', async ({ body, method }) => ({ body: `${method} ${await body}` }))
      const echoed = await get(pool, origin, '/echo', { method: 'PUT', body: 'x' }).result
      assert.equal(echoed.body.toString(), 'PUT x')
      origin.reset()
      assert.equal((await get(pool, origin).result).status, 404)
      assert.equal(origin.requests.length, 1)
    })

    test(`TestOrigin refuses a request, which is then sent again, over ${protocol}`, async () => {
      const origin = await start()
      origin.answer('/', [{ refuse: true }, { body: 'second' }])
      assert.equal((await get(poolFor(origin, ways), origin).result).body.toString(), 'second')
      assert.equal(origin.requests.length, 2)
    })

    test('resets, cuts and stalls after so many octets of the body', async () => {
      const origin = await start()
      const pool = poolFor(origin, ways)
      for (const answer of [{ resetAfter: 3 }, { cutAfter: 3 }] satisfies Answer[]) {
        origin.next({ body: 'hello', ...answer })
        const handler = get(pool, origin)
        await assert.rejects(handler.result)
        assert.equal(Buffer.concat(handler.chunks).toString(), 'hel', JSON.stringify(answer))
      }
      origin.next({ body: 'hello', stallAfter: 3 })
      const stalled = new Collecting()
      pool.dispatch({ origin: origin.origin, method: 'GET', path: '/', bodyTimeout: 50 }, stalled)
      await assert.rejects(stalled.result, { code: 'ERR_HYPER_BODY_TIMEOUT' })
      assert.equal(Buffer.concat(stalled.chunks).toString(), 'hel')
    })

    test(`TestOrigin is silent, or late, and the client’s deadline counts, over ${protocol}`, async () => {
      const origin = await start()
      const pool = poolFor(origin, ways)
      origin.answer('/silent', { silence: true }).answer('/late', { delay: 30, body: 'late' })
      const silent = new Collecting()
      pool.dispatch({ origin: origin.origin, method: 'GET', path: '/silent', headersTimeout: 50 }, silent)
      await assert.rejects(silent.result, { code: 'ERR_HYPER_HEADERS_TIMEOUT' })
      assert.equal((await get(pool, origin, '/late').result).body.toString(), 'late')
    })

    test(`TestOrigin sends GOAWAY with an answer, or with the nth request, and the next goes over another connection, over ${protocol}`, async () => {
      const origin = await start({ goawayAfter: 2 })
      const pool = poolFor(origin, ways)
      origin.answer('/', { body: 'x' })
      for (let i = 0; i < 5; i++) await get(pool, origin).result
      origin.next({ goaway: true })
      await get(pool, origin).result
      await get(pool, origin).result
      assert.deepEqual(
        origin.requests.map(({ connection }) => connection),
        [1, 1, 2, 2, 3, 3, 4],
      )
    })

    test(`what is written while TestOrigin is mute is sent afterwards over ${protocol}`, async () => {
      const origin = await start()
      let answered: () => void = () => {}
      const made = new Promise<void>((resolve) => {
        answered = resolve
      })
      let asked: () => void = () => {}
      const came = new Promise<void>((resolve) => {
        asked = resolve
      })
      let release: () => void = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      origin.answer('/', async () => {
        asked()
        await held
        setImmediate(answered)
        return { body: 'late', goaway: true }
      })
      // Not sent again, so that an answer that is lost shows.
      const answer = get(poolFor(origin, ways), origin, '/', { method: 'POST' })
      await came
      origin.mute()
      release()
      await made
      origin.unmute()
      assert.equal((await answer.result).body.toString(), 'late')
    })

    test(`a connection that was made while TestOrigin is mute is served afterwards over ${protocol}, without TLS too`, async () => {
      const origin = await start({ secure: false })
      origin.answer('/', { body: 'x' })
      origin.mute()
      const pool = poolFor(origin, protocol === 'h2' ? { h2c: 'prior-knowledge' } : {})
      const answer = get(pool, origin)
      while (Reflect.get(origin, 'home').sockets.size === 0) await new Promise((resolve) => setImmediate(resolve))
      origin.unmute()
      assert.equal((await answer.result).body.toString(), 'x')
    })

    test(`after an answer to a request whose body is not read the client can go on over ${protocol}`, async () => {
      const origin = await start()
      origin.answer('POST /', { unread: true, body: 'x' })
      origin.answer('GET /', { body: 'y' })
      const pool = poolFor(origin, { ...ways, connections: 1 })
      for (const body of ['short', 'long'.repeat(1_000_000)]) {
        assert.equal((await get(pool, origin, '/', { method: 'POST', body }).result).body.toString(), 'x')
        assert.equal((await get(pool, origin).result).body.toString(), 'y')
      }
    })

    test(`a content-length that the body does not keep to is sent as it is over ${protocol}`, async () => {
      const origin = await start()
      origin.answer('/', { headers: { 'content-length': '9' }, body: 'abc' })
      origin.answer('/other', { body: 'x' })
      const pool = poolFor(origin, ways)
      assert.equal((await get(pool, origin, '/', { method: 'HEAD' }).result).headers['content-length'], '9')
      await assert.rejects(get(pool, origin, '/', { method: 'POST' }).result)
      assert.equal((await get(pool, origin, '/other').result).body.toString(), 'x')
    })

    test(`what may have no body has none, whatever the script says, over ${protocol}`, async () => {
      const origin = await start()
      origin.answer('/', { body: 'abc', trailers: { 'x-t': '1' } })
      origin.answer('/204', { status: 204, body: 'abc' })
      origin.answer('/304', { status: 304, body: 'abc' })
      const pool = poolFor(origin, { ...ways, connections: 1 })
      for (const [method, path] of [
        ['GET', '/204'],
        ['GET', '/304'],
        ['HEAD', '/'],
      ] as const) {
        assert.equal((await get(pool, origin, path, { method }).result).body.length, 0)
      }
      assert.deepEqual(origin.connections, { total: 1, open: 1 })
    })

    test(`fields of the connection go over HTTP/1.1 alone (${protocol})`, async () => {
      const origin = await start()
      origin.answer('/', { headers: { connection: 'close' }, body: 'abc' })
      const pool = poolFor(origin, ways)
      assert.equal((await get(pool, origin).result).body.toString(), 'abc')
      await get(pool, origin).result
      assert.equal(origin.connections.total, protocol === 'h2' ? 1 : 2)
    })

    test(`a script that fails is a fault of the test, and its client does not wait for ever over ${protocol}`, async () => {
      // In a process of its own: the fault is told as an uncaught exception.
      const found = await runModule(`
        const { Pool } = await import(root + 'src/index.ts')
        const { createFetch } = await import(root + 'adapters/fetch.ts')
        const { TestOrigin } = await import(root + 'src/testing/index.ts')
        const told = []
        process.on('uncaughtException', (error) => told.push(error.message))
        const origin = await TestOrigin.start({ protocols: ['${protocol}'] })
        const pool = new Pool({ tls: { ca: origin.ca } })
        const fetch = createFetch({ pool })
        origin.answer('/throws', () => { throw new Error('wrong') })
        origin.answer('/nothing', () => undefined)
        const answers = []
        for (const path of ['/throws', '/nothing']) {
          const response = await fetch(origin.url(path))
          answers.push(response.status, await response.text())
        }
        await pool.close()
        await origin.close()
        console.log(JSON.stringify([answers, told]))`)
      assert.deepEqual(found, [
        [
          ...[500, 'the script of GET /throws failed: wrong'],
          ...[500, 'the script of GET /nothing failed: An answer must be an object'],
        ],
        ['wrong', 'An answer must be an object'],
      ])
    })

    test('cuts every connection, and takes new ones', async () => {
      const origin = await start()
      const pool = poolFor(origin, ways)
      origin.answer('/', { body: 'x' })
      await get(pool, origin).result
      origin.cut()
      assert.equal((await get(pool, origin).result).body.toString(), 'x')
      assert.equal(origin.connections.total, 2)
    })

    test(`TestOrigin is mute until unmute(), over ${protocol}`, async () => {
      const origin = await start()
      const pool = poolFor(origin, ways)
      origin.answer('/', { body: 'x' })
      await get(pool, origin).result
      origin.mute()
      const waiting = get(pool, origin)
      const other = await Promise.race([
        waiting.result.then(() => 'answered'),
        get(pool, origin).result.then(() => 'answered'),
        new Promise((resolve) => setTimeout(resolve, 50, 'mute')),
      ])
      assert.equal(other, 'mute')
      origin.unmute()
      assert.equal((await waiting.result).body.toString(), 'x')
    })

    test(`TestOrigin leaves a request’s body unread, over ${protocol}`, async () => {
      const origin = await start({ streamWindow: 65_535 })
      origin.answer('/', { unread: true, silence: true })
      const pool = poolFor(origin, { ...ways, writeTimeout: 100 })
      const body = 'x'.repeat(20 << 20)
      const handler = new Collecting()
      pool.dispatch({ origin: origin.origin, method: 'POST', path: '/', body, headersTimeout: 0 }, handler)
      await assert.rejects(handler.result, { code: 'ERR_HYPER_WRITE_TIMEOUT' })
    })
  })
}

describe('over HTTP/2 alone', () => {
  test('pushes before the answer, to those who take pushes', async () => {
    const origin = await start()
    origin.answer('/', {
      body: 'page',
      push: { '/style.css': { body: 'css', headers: { 'content-type': 'text/css' } } },
    })
    const pushed = Promise.withResolvers<string>()
    const session = http2.connect(origin.origin, { ca: origin.ca })
    session.on('stream', async (stream, headers) => {
      let text = `${headers[':path']} `
      for await (const chunk of stream) text += chunk
      pushed.resolve(text)
    })
    const request = session.request({ ':path': '/' })
    let body = ''
    for await (const chunk of request) body += chunk
    assert.deepEqual([body, await pushed.promise], ['page', '/style.css css'])
    session.close()
    assert.equal((await get(poolFor(origin), origin).result).body.toString(), 'page')
  })

  test('lowers its limits while connections are open', async () => {
    const origin = await start()
    origin.answer('/', { delay: 20, body: 'x' })
    const pool = poolFor(origin)
    await get(pool, origin).result
    origin.limit({ maxConcurrentStreams: 1, streamWindow: 100_000 })
    const bodies = await Promise.all(
      [1, 2, 3].map(() => get(pool, origin, '/', { method: 'PUT', body: 'y'.repeat(1000) }).result),
    )
    assert.equal(bodies.length, 3)
    assert.equal(origin.requests.length, 4)
  })

  test('TestOrigin sends GOAWAY at any time, over HTTP/2', async () => {
    const origin = await start()
    origin.answer('/', { delay: 20, body: 'x' })
    const pool = poolFor(origin)
    const first = get(pool, origin)
    await origin.takeRequest()
    origin.goaway()
    assert.equal((await first.result).body.toString(), 'x')
    await get(pool, origin).result
    assert.deepEqual(
      origin.requests.map(({ connection }) => connection),
      [1, 2],
    )
  })
})

describe('an origin', () => {
  test('an origin without TLS speaks HTTP/2 to clients that begin with its preface, and HTTP/1.1 to others', async () => {
    const origin = await start({ secure: false })
    assert.equal(origin.ca, undefined)
    origin.answer('/', (request) => ({ body: request.protocol }))
    for (const [h2c, protocol] of [
      ['prior-knowledge', 'h2'],
      [undefined, 'http/1.1'],
    ] as const) {
      const pool = new Pool(h2c === undefined ? {} : { h2c })
      open.push({ [Symbol.asyncDispose]: () => pool.destroy() })
      assert.equal((await get(pool, origin).result).body.toString(), protocol)
    }
  })

  test('an origin of one protocol offers no other', async () => {
    for (const protocol of ['h2', 'http/1.1'] as const) {
      const origin = await start({ protocols: [protocol] })
      origin.answer('/', (request) => ({ body: request.protocol }))
      assert.equal((await get(poolFor(origin), origin).result).body.toString(), protocol)
    }
  })

  test('serves Node’s own clients, with a certificate of the test’s', async () => {
    const { ca, cert, key } = await testCertificate()
    const origin = await start({ certificate: { cert, key, ca } })
    origin.answer('/', { body: 'x' })
    const status = await new Promise((resolve) =>
      https.get(origin.url('/'), { ca, agent: false }, (r) => resolve(r.resume().statusCode)),
    )
    assert.equal(status, 200)
  })

  test('an origin gives its requests one after the other, whole, and says when none comes', async () => {
    const origin = await start()
    origin.answer('/', {})
    const fetch = createFetch({ pool: poolFor(origin) })
    await fetch(origin.url('/'), { method: 'POST', body: 'a' })
    await fetch(origin.url('/'), { method: 'POST', body: 'b' })
    assert.equal(String(await (await origin.takeRequest()).body), 'a')
    assert.equal(String(await (await origin.takeRequest()).body), 'b')
    await assert.rejects(origin.takeRequest({ timeout: 10 }), { code: 'ERR_HYPER_REQUEST_TIMEOUT' })
    const waiting = origin.takeRequest({ timeout: 600_000 })
    await Promise.all([assert.rejects(waiting, { code: 'ERR_HYPER_CONNECTION_LOST' }), origin.close()])
  })

  test('an origin refuses a script that cannot be carried out, naming what is wrong', async () => {
    const origin = await start()
    const wrong: [Answer, RegExp][] = [
      [{ status: 103 }, /status must be from 200 to 599/],
      [{ body: '', json: 1 }, /a body or json, not both/],
      [{ refuse: true, cutAfter: 0 }, /can end in only one way, by refuse or cutAfter/],
      [{ cutAfter: -1 }, /cutAfter must be a number of octets/],
      [{ resetAfter: 0, code: 'NONSENSE' as never }, /code must be a name/],
      [{ delay: -1 }, /delay must be milliseconds/],
      [{ headers: { 'no name': 'x' } }, /"no name" is not the name of a field/],
      [{ headers: { ':status': '200' } }, /":status" is not the name of a field/],
      [{ headers: { x: 'a\nb' } }, /The value of x has a character/],
      [{ trailers: { 'Content-Length': '1' } }, /Content-Length may not be sent as a trailer/],
      [{ early: [{ status: 101 }] }, /An early response has a status from 100 to 199, but not 101/],
      [{ early: [{ status: 200 }] }, /An early response has a status from 100 to 199/],
      [{ boddy: 'x' } as Answer, /There is no option boddy: did you mean body/],
    ]
    for (const [answer, message] of wrong) assert.throws(() => origin.answer('/', answer), message)
    assert.throws(() => origin.answer('get x', {}), /A route is/)
    assert.throws(() => origin.answer('/', []), /at least one answer/)
    await assert.rejects(TestOrigin.start({ protocols: ['h3' as never] }), /protocols must be of/)
    await assert.rejects(TestOrigin.start({ protocols: 'h2' as never }), /protocols must be of/)
    await assert.rejects(TestOrigin.start({ maxConcurrentStreams: -1 }), /maxConcurrentStreams must be a whole number/)
    await assert.rejects(TestOrigin.start({ streamWindow: 'x' as never }), /streamWindow must be a whole number/)
    assert.throws(() => origin.limit({ streamWindow: -1 }), /streamWindow must be a whole number/)
    assert.throws(() => origin.limit({ streamwindow: 1 } as object), /did you mean streamWindow/)
    await assert.rejects(TestOrigin.start({ goawayAfter: 0 }), /goawayAfter must be/)
    await assert.rejects(TestOrigin.start({ secur: false } as TestOriginOptions), /did you mean secure/)
  })
})
