/** Cookies, redirects and digest around a pool, over both protocols, and around scripted transports. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { CookieJar } from 'tough-cookie'
import { createFetch } from '../../adapters/fetch.ts'
import { HTTPConnection } from '../../src/client/http-connection.ts'
import { type ExchangeRequest, InvalidArgumentError, Pool, RedirectError, type Transport } from '../../src/index.ts'
import { MAX_DROPPED } from '../../src/limits.ts'
import { compose, cookies, digest, redirects, type Wrapper } from '../../src/wrappers/index.ts'
import { testCertificate } from '../support/certificate.ts'
import { Collecting } from '../support/exchange.ts'
import { type Call, type Routes, startDualOrigin, startH2Origin, type TestOrigin } from '../support/origin.ts'

const { ca } = await testCertificate()

/** What came, in words. */
const seen: string[] = []
const note = (call: Call): void => {
  seen.push(`${call.protocol} ${call.method} ${call.path}`)
}

const routes: Routes = {
  '/to': (call, answer) => {
    note(call)
    call.body.resume()
    const status = Number(call.query.get('status') ?? 302)
    answer.head(status, { location: call.query.get('url') ?? '/end', 'set-cookie': 'hop=1' })
    answer.end('x'.repeat(Number(call.query.get('octets') ?? 0)))
  },
  '/end': async (call, answer) => {
    note(call)
    let body = ''
    for await (const chunk of call.body) body += chunk
    answer.head(200, { 'content-type': 'application/json' })
    const { cookie, authorization, host } = call.headers
    answer.end(JSON.stringify({ cookie, authorization, type: call.headers['content-type'], host, body }))
  },
  '/login': (call, answer) => {
    call.body.resume()
    answer.head(200, { 'set-cookie': ['a=1; Path=/', 'b=2; Path=/end', 'bad=1; Domain=elsewhere.test'] })
    answer.end()
  },
  '/secret': (call, answer) => {
    note(call)
    call.body.resume()
    const header = String(call.headers['authorization'] ?? '')
    if (header.includes(`response="${expected(call, header)}"`)) answer.end('in')
    else {
      answer.head(401, { 'www-authenticate': 'Digest realm="r", nonce="n1", qop="auth", algorithm=MD5' })
      answer.end('who are you?')
    }
  },
}

/** What RFC 7616 section 3.4.1 computes for user `u` with password `p`. */
function expected(call: Call, header: string): string {
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
  const part = (name: string): string => new RegExp(`\\b${name}="?([^",]+)`).exec(header)?.[1] ?? ''
  const a2 = md5(`${call.method}:${part('uri')}`)
  return md5(`${md5('u:r:p')}:${part('nonce')}:${part('nc')}:${part('cnonce')}:auth:${a2}`)
}

const origins: TestOrigin[] = [await startDualOrigin(routes), await startDualOrigin(routes)]
const [{ origin }, { origin: other }] = origins as [TestOrigin, TestOrigin]
const pools = { 'HTTP/2': new Pool({ tls: { ca } }), 'HTTP/1.1': new Pool({ tls: { ca }, allowH2: false }) }
after(async () => {
  await Promise.all(Object.values(pools).map((pool) => pool.destroy()))
  await Promise.all(origins.map((one) => one[Symbol.asyncDispose]()))
})

async function get(transport: Transport, path: string, rest: Partial<ExchangeRequest> = {}) {
  seen.length = 0
  const handler = new Collecting()
  transport.dispatch({ origin, method: 'GET', path, ...rest }, handler)
  const { status, body } = await handler.result
  return { status, body: body.toString(), json: () => JSON.parse(body.toString()) }
}

for (const [protocol, pool] of Object.entries(pools)) {
  const name = protocol === 'HTTP/2' ? 'h2' : 'http/1.1'
  describe(`over ${protocol}`, () => {
    test('redirects are followed up to the first response that is not a redirect', async () => {
      const through = compose(pool, redirects())
      const path = `/to?octets=5&url=${encodeURIComponent('/to?url=/end')}`
      assert.equal((await get(through, path)).status, 200)
      assert.deepEqual(seen, [`${name} GET /to`, `${name} GET /to`, `${name} GET /end`])
      assert.equal(pool.stats().connections, 1)
    })

    test('301 and 302 make a GET of a POST, 303 of everything, 307 and 308 send it again', async () => {
      const through = compose(pool, redirects())
      const rest = { method: 'POST', body: 'hello', headers: { 'content-type': 'text/plain' } }
      for (const status of [301, 302, 303]) {
        assert.deepEqual((await get(through, `/to?status=${status}`, rest)).json().body, '')
        assert.deepEqual(seen, [`${name} POST /to`, `${name} GET /end`])
      }
      for (const status of [307, 308]) {
        const { body, type } = (await get(through, `/to?status=${status}`, rest)).json()
        assert.deepEqual([body, type, seen.at(-1)], ['hello', 'text/plain', `${name} POST /end`])
      }
      assert.equal((await get(through, '/to?status=303', { ...rest, method: 'PUT' })).json().body, '')
      assert.equal((await get(through, '/to?status=302', { ...rest, method: 'PUT' })).json().body, 'hello')
    })

    test('credentials do not follow to another origin', async () => {
      const through = compose(pool, redirects())
      const headers = { authorization: 'Basic x', cookie: 'c=1' }
      const here = (await get(through, '/to', { headers })).json()
      assert.deepEqual([here.authorization, here.cookie], ['Basic x', 'c=1'])
      const there = (await get(through, `/to?url=${other}/end`, { headers })).json()
      assert.deepEqual([there.authorization, there.cookie], [undefined, undefined])
    })

    test('cookies are kept and sent, also within redirects, and those of another host are not kept', async () => {
      const jar = new CookieJar()
      const through = compose(pool, cookies(jar), redirects())
      await get(through, '/login')
      assert.equal((await get(through, '/end')).json().cookie, 'b=2; a=1')
      assert.equal(
        (await get(through, '/to', { headers: { Cookie: 'own=1' } })).json().cookie,
        'own=1; b=2; a=1; hop=1',
      )
      assert.deepEqual((await jar.serialize()).cookies.map(({ key }) => key).sort(), ['a', 'b', 'hop'])
    })

    test('a digest challenge is answered once, and the answer is sent along from then on', async () => {
      const through = compose(pool, digest({ username: 'u', password: 'p' }))
      assert.equal((await get(through, '/secret', { method: 'POST', body: 'x' })).body, 'in')
      assert.equal(seen.length, 2)
      assert.equal((await get(through, '/secret?again')).body, 'in')
      assert.equal(seen.length, 1)
      // Requests that come before the first answer are all let in.
      const fresh = compose(pool, digest({ username: 'u', password: 'p' }))
      const all = await Promise.all([1, 2, 3].map((n) => get(fresh, `/secret?${n}`)))
      assert.deepEqual(
        all.map(({ body }) => body),
        ['in', 'in', 'in'],
      )
    })

    test('a wrong password is not tried again, and other origins and own credentials are left alone', async () => {
      const wrong = compose(pool, digest({ username: 'u', password: 'wrong' }))
      assert.deepEqual([(await get(wrong, '/secret')).status, seen.length], [401, 2])
      const elsewhere = compose(pool, digest({ username: 'u', password: 'p', origin: other }))
      assert.deepEqual([(await get(elsewhere, '/secret')).status, seen.length], [401, 1])
      const own = compose(pool, digest({ username: 'u', password: 'p' }))
      const headers = { Authorization: 'Basic x' }
      assert.deepEqual([(await get(own, '/secret', { headers })).status, seen.length], [401, 1])
    })
  })
}

describe('a fetch and an HTTPConnection', () => {
  test('a fetch and an HTTPConnection go through the wrappers that they are given', async () => {
    const fetch = createFetch({ pool: compose(pools['HTTP/2'], cookies(new CookieJar())) })
    await (await fetch(`${origin}/login`)).text()
    const answer = (await (await fetch(`${origin}/to`)).json()) as { cookie: string }
    assert.equal(answer.cookie, 'b=2; a=1; hop=1')
    await using connection = new HTTPConnection(origin, { tls: { ca }, wrappers: [redirects()] })
    await connection.request('GET', '/to')
    const response = await connection.getResponse()
    assert.equal(response.status, 200)
    assert.equal(JSON.parse((await response.read()).toString()).body, '')
    assert.throws(() => new HTTPConnection(origin, { wrappers: [5 as never] }), /wrappers must be a list of functions/)
  })
})

describe('a response that needs no second request', () => {
  test('a response that needs no second request comes whole: informational responses, trailers', async () => {
    await using origin = await startH2Origin({
      '/early': (_call, answer) => {
        answer.early(103, { link: '</x>' })
        answer.head(200, {}, { trailers: true })
        answer.end('hello', { t: '1' })
      },
    })
    const handler = new Collecting()
    const through = compose(pools['HTTP/2'], redirects(), digest({ username: 'u', password: 'p' }))
    through.dispatch({ origin: origin.origin, method: 'GET', path: '/early' }, handler)
    const { status, body, trailers, informational, connection } = await handler.result
    assert.deepEqual([status, body.toString(), trailers, informational], [200, 'hello', ['t', '1'], [103]])
    assert.equal(connection?.protocol, 'h2')
  })
})

describe('what is not followed', () => {
  const through = compose(pools['HTTP/2'], redirects({ max: 2 }))
  test('too many redirects, a location that is not a URL, and a body that was read are typed errors', async () => {
    const loop = encodeURIComponent('/to?url=/to?url=/to')
    await assert.rejects(get(through, `/to?url=${loop}`), {
      code: 'ERR_HYPER_REDIRECT',
      message: 'More than 2 redirects',
    })
    await assert.rejects(get(through, '/to?url=ftp://x/'), RedirectError)
    await assert.rejects(get(through, '/to?url=http://'), RedirectError)
    const body = async function* () {
      yield 'once'
    }
    await assert.rejects(get(through, '/to?status=307', { method: 'POST', body: body() }), /cannot be sent once more/)
    // A function makes another.
    const again = await get(through, '/to?status=307', { method: 'POST', body: () => body() })
    assert.equal(again.json().body, 'once')
  })

  test('a response longer than is worth reading is given up, and the next request goes on', async () => {
    for (const pool of Object.values(pools)) {
      const { status } = await get(compose(pool, redirects()), `/to?octets=${MAX_DROPPED * 40}`)
      assert.equal(status, 200)
    }
  })

  test('wrong options of a wrapper are refused', () => {
    for (const max of [-1, 0.5, Number.NaN]) assert.throws(() => redirects({ max }), InvalidArgumentError)
    assert.throws(() => cookies({} as never), /needs a jar/)
    assert.throws(() => digest({ username: 'a:b', password: '' }), /no colon/)
    assert.throws(() => digest({ username: 'a', password: 5 as never }), /password must be text/)
    assert.throws(() => digest({ username: 5 as never, password: '' }), /username must be text/)
    assert.throws(() => digest({ username: 'a', password: '', origin: 'x' }), /Invalid origin/)
    assert.throws(() => compose(pools['HTTP/2'], 5 as never), /A wrapper is a function/)
    assert.throws(() => compose(pools['HTTP/2'], (() => ({})) as unknown as Wrapper), /must return what has dispatch/)
  })
})

describe('to its caller it is one exchange', () => {
  test('abort() ends it in every phase, once', async () => {
    const jar = { getCookieString: () => new Promise<string>(() => {}), setCookie: async () => {} }
    const early = new Collecting()
    const transport = compose(pools['HTTP/2'], cookies(jar))
    const exchange = transport.dispatch({ origin, method: 'GET', path: '/end' }, early)
    assert.equal(exchange.timings.attempts, 0)
    exchange.pause()
    exchange.resume()
    exchange.abort(new Error('enough'))
    exchange.abort()
    await assert.rejects(early.result, /enough/)
    assert.equal(early.settlements, 1)

    // While a response is dropped: nothing follows it.
    const dropping = new Collecting()
    seen.length = 0
    const path = `/to?octets=${MAX_DROPPED - 1}`
    const through = compose(
      {
        dispatch: (request, handler) =>
          pools['HTTP/2'].dispatch(request, {
            onHeaders: (...given) => {
              handler.onHeaders(...given)
              second.abort(new Error('no more'))
            },
            onData: (chunk) => handler.onData(chunk),
            onEnd: (trailers) => handler.onEnd(trailers),
            onError: (error, local) => handler.onError(error, local),
          }),
      },
      redirects(),
    )
    const second = through.dispatch({ origin, method: 'GET', path }, dropping)
    await assert.rejects(dropping.result, /no more/)
    assert.deepEqual([dropping.settlements, seen], [1, ['h2 GET /to']])
  })

  test('a jar that fails, fails the request', async () => {
    const jar = { getCookieString: async () => Promise.reject(new Error('broken jar')), setCookie: async () => {} }
    await assert.rejects(get(compose(pools['HTTP/2'], cookies(jar)), '/end'), /broken jar/)
  })

  test('a request that is sent again or redirected has one timeout for all of its exchanges', async () => {
    const timeouts: unknown[] = []
    const slow: Transport = {
      dispatch(request, handler) {
        timeouts.push(request.timeout)
        return pools['HTTP/2'].dispatch(request, handler)
      },
    }
    assert.equal((await get(compose(slow, redirects()), '/to', { timeout: 20_000 })).status, 200)
    assert.equal(timeouts.length, 2)
    assert.ok(Number(timeouts[1]) < Number(timeouts[0]) && Number(timeouts[0]) <= 20_000, String(timeouts))
  })
})
