import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import axios from 'axios'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { Pool } from '../../../src/index.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'
import { failure, open, protocols } from './support.ts'

for (const [name, start] of protocols) {
  test(`${name}: redirects keep the connection, whatever their bodies`, async () => {
    await using bench = await open(start, {
      '/long'(_call, answer) {
        answer.head(302, { location: '/json' })
        answer.end('x'.repeat(10_000))
      },
    })
    for (const path of ['/redirect', '/long']) {
      const { status, request } = await bench.axios.get(path)
      assert.equal(status, 200)
      assert.equal(request.path, '/json')
      assert.equal(request.res.responseUrl, `${bench.origin.origin}/json`)
    }
    assert.equal(bench.origin.connections, 1)
  })

  test(`${name}: methods and bodies by status`, async () => {
    await using bench = await open(start)
    for (const [status, method, expected, body] of [
      [301, 'POST', 'GET', ''],
      [302, 'POST', 'GET', ''],
      [303, 'PUT', 'GET', ''],
      [307, 'POST', 'POST', 'body'],
      [308, 'PUT', 'PUT', 'body'],
      [302, 'PUT', 'PUT', 'body'],
    ] as const) {
      const url = `/redirect?to=/echo&status=${status}`
      const response = await bench.axios.request({ method, url, data: 'body' })
      assert.equal(response.headers['x-method'], expected, `${status} ${method}`)
      assert.equal(response.data, body, `${status} ${method}`)
      if (body === '') assert.equal(response.headers['x-content-type'], undefined)
    }
    const streamed = await bench.axios.post('/redirect?to=/echo&status=307', Readable.from(['stream ', 'again']))
    assert.equal(streamed.data, 'stream again')
  })

  test(`${name}: the limit, and maxRedirects 0`, async () => {
    await using bench = await open(start, {
      '/loop': (_call, answer) => {
        answer.head(302, { location: '/loop' })
        answer.end()
      },
    })
    const error = await failure(bench.axios.get('/loop'))
    assert.equal(error.code, 'ERR_FR_TOO_MANY_REDIRECTS')
    assert.equal(bench.origin.requests.length, 22)
    const off = await failure(bench.axios.get('/redirect', { maxRedirects: 0 }))
    assert.equal(off.response?.status, 302)
    assert.equal(off.response?.headers['location'], '/json')
  })

  test(`${name}: beforeRedirect sees and changes the next request, or stops it`, async () => {
    await using bench = await open(start)
    const seen: unknown[] = []
    const { headers } = await bench.axios.get('/redirect?to=/echo', {
      beforeRedirect: (options, response) => {
        seen.push(options['path'], response.statusCode, response.headers['location'])
        options['headers']['x-added'] = 'yes'
      },
    })
    assert.deepEqual(seen, ['/echo', 302, '/echo'])
    assert.equal(headers['x-x-added'], 'yes')
    const stopped = await failure(
      bench.axios.get('/redirect', {
        beforeRedirect: () => {
          throw new Error('not there')
        },
      }),
    )
    assert.equal(stopped.code, 'ERR_FR_REDIRECTION_FAILURE')
    assert.match(stopped.message, /not there$/)
    assert.equal((stopped.cause as Error).message, 'not there')
  })

  test(`${name}: a cancellation between two hops`, async () => {
    const controller = new AbortController()
    await using bench = await open(start)
    const pending = bench.axios.get('/redirect?to=/slow', {
      signal: controller.signal,
      beforeRedirect: () => controller.abort(),
    })
    await assert.rejects(pending, (error: unknown) => axios.isCancel(error))
    await new Promise(setImmediate)
    assert.equal(bench.origin.requests.length, 1)
  })
}

test('credentials, cookies and sensitiveHeaders do not reach another origin', async () => {
  await using from = await startH2Origin()
  await using to = await startH1Origin()
  await using pool = new Pool({ tls: { ca: [from.ca, to.ca] } })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), proxy: false, baseURL: from.origin })
  const request = async (target: string): Promise<Record<string, unknown>> => {
    const { headers } = await instance.get(`/redirect?to=${encodeURIComponent(target)}`, {
      auth: { username: 'a', password: 'b' },
      headers: { Cookie: 'a=1', 'X-Secret': '1', 'X-Plain': '1' },
      sensitiveHeaders: ['X-SECRET'],
    } as object)
    return headers
  }
  const away = await request(`${to.origin}/echo`)
  assert.equal(away['x-authorization'], undefined)
  assert.equal(away['x-cookie'], undefined)
  assert.equal(away['x-x-secret'], undefined)
  assert.equal(away['x-x-plain'], '1')
  const home = await request('/echo')
  assert.match(String(home['x-authorization']), /^Basic /)
  assert.equal(home['x-cookie'], 'a=1')
  assert.equal(home['x-x-secret'], '1')
  const wrong = await failure(instance.get('/json', { sensitiveHeaders: [1] } as object))
  assert.equal(wrong.code, 'ERR_BAD_OPTION_VALUE')
})

test('a redirect to where the environment asks for a proxy goes by the proxy', async () => {
  await using from = await startH2Origin()
  await using proxy = await startH1Origin(
    {
      '*'(_call, answer) {
        answer.head(200)
        answer.end('by proxy')
      },
    },
    { plain: true },
  )
  await using pool = new Pool({ tls: { ca: from.ca } })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }) })
  const kept = { http: process.env['http_proxy'], https: process.env['https_proxy'], no: process.env['no_proxy'] }
  process.env['http_proxy'] = proxy.origin
  process.env['https_proxy'] = proxy.origin
  process.env['no_proxy'] = `localhost:${from.port}`
  try {
    const target = encodeURIComponent('http://nobody.invalid/path')
    const { data } = await instance.get(`${from.origin}/redirect?to=${target}`)
    assert.equal(data, 'by proxy')
    assert.equal(pool.stats().connections, 1)
  } finally {
    for (const [name, value] of Object.entries({ http_proxy: kept.http, https_proxy: kept.https, no_proxy: kept.no })) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
})

test('who hears credentials, cookies and sensitiveHeaders after a redirect is who hears them with axios alone', async () => {
  await using first = await startH1Origin({}, { plain: true })
  await using second = await startH1Origin({}, { plain: true })
  await using pool = new Pool()
  const [here, there] = [first.port, second.port]
  const lookup = (_host: string, _options: object, done: (error: null, address: string, family: number) => void) =>
    done(null, '127.0.0.1', 4)
  const targets = [
    '/echo',
    `//a.test:${here}/echo`,
    `http://a.test:${here}/echo`,
    `http://a.test:${there}/echo`,
    `http://sub.a.test:${here}/echo`,
    `http://sub.a.test:${there}/echo`,
    `http://xa.test:${here}/echo`,
    `http://user:pass@a.test:${here}/echo`,
    `http://user:pass@b.test:${there}/echo`,
  ]
  const configs = [
    { headers: { Authorization: 'Bearer x', Cookie: 'a=1', 'X-Secret': '1' }, sensitiveHeaders: ['x-secret'] },
    { headers: { Host: 'b.test', Authorization: 'Bearer x', 'X-Secret': '1' }, sensitiveHeaders: ['x-secret'] },
    { headers: { Host: `sub.a.test:${here}`, Authorization: 'Bearer x' } },
  ]
  for (const target of targets) {
    for (const config of configs) {
      const url = `http://a.test:${here}/redirect?to=${encodeURIComponent(target)}`
      const [plain, ours] = await Promise.all(
        [{}, { adapter: createHyperAdapter({ pool }) }].map(async (adapter) => {
          const response = await axios.get(url, { proxy: false, lookup, ...config, ...adapter } as object)
          const {
            'x-authorization': authorization,
            'x-cookie': cookie,
            'x-x-secret': secret,
            'x-host': host,
          } = response.headers
          return { authorization, cookie, secret, host, url: response.request.res.responseUrl }
        }),
      )
      assert.deepEqual(ours, plain, `${target} ${JSON.stringify(config)}`)
    }
  }
})
