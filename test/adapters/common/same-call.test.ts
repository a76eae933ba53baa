/** The same call has the same outcome by either protocol, and by each shim. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import axios from 'axios'
import got from 'got'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { HyperRequestHandler } from '../../../adapters/aws.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { createFetch } from '../../../adapters/fetch.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { Pool } from '../../../src/index.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'

test('names of fields keep their spelling over HTTP/1.1, by whichever shim, and raw fields of a response theirs', async () => {
  await using origin = await startH1Origin(
    {
      '*'(call, answer) {
        answer.head(200, { 'X-Answer': '1' })
        answer.end(call.rawHeaders.find((name) => name.toLowerCase() === 'x-api-key'))
      },
    },
    { plain: true },
  )
  const pool = new Pool()
  const dispatcher = new HyperDispatcher()
  const url = `${origin.origin}/`
  const headers = { 'X-Api-Key': 'k' }
  const agent = createHyperAgent({ pool }).http
  const answered = await axios.get<string>(url, { adapter: createHyperAdapter({ pool }), headers })
  assert.equal(answered.data, 'X-Api-Key')
  assert.ok(answered.request.res.rawHeaders.includes('X-Answer'))
  assert.equal(await (await createFetch({ pool })(url, { headers })).text(), 'X-Api-Key')
  assert.equal(await (await createFetch({ pool })(url, { headers: [['X-Api-Key', 'k']] })).text(), 'X-Api-Key')
  const { body } = await dispatcher.request({ origin: origin.origin, path: '/', method: 'GET', headers })
  assert.equal(await body.text(), 'X-Api-Key')
  const [message] = (await once(http.get(url, { agent, headers }), 'response')) as [http.IncomingMessage]
  assert.equal(await text(message), 'X-Api-Key')
  assert.ok(message.rawHeaders.includes('X-Answer'))
  const target = { method: 'GET', protocol: 'http:', hostname: '127.0.0.1', port: origin.port, path: '/', headers }
  assert.equal(await text((await new HyperRequestHandler({ pool }).handle(target)).response.body), 'X-Api-Key')
  await Promise.all([pool.destroy(), dispatcher.destroy()])
})

for (const [protocol, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${protocol}: an empty body has content-length 0 for each method that takes one, and a wrong length without a body is corrected`, async () => {
    await using origin = await start({
      '*': (call, answer) => answer.end(String(call.headers['content-length'] ?? 'none')),
    })
    const dispatcher = new HyperDispatcher({ connect: { ca: origin.ca } })
    for (const [method, expected] of [
      ['POST', '0'],
      ['PUT', '0'],
      ['PATCH', '0'],
      ['QUERY', '0'],
      ['PROPFIND', '0'],
      ['PROPPATCH', '0'],
      ['GET', 'none'],
      ['DELETE', 'none'],
    ] as const) {
      for (const given of [{ body: '' }, { headers: { 'content-length': '3' } }]) {
        const { body } = await dispatcher.request({
          origin: origin.origin,
          path: '/',
          method: method as 'GET',
          ...given,
        })
        assert.equal(await body.text(), 'headers' in given ? '0' : expected, `${method} ${JSON.stringify(given)}`)
      }
    }
    await dispatcher.destroy()
  })

  test(`${protocol}: the stream of an upload is destroyed with the error of its request, in undici's words`, async () => {
    await using origin = await start({
      async '*'(call, answer) {
        if (call.path === '/cut') call.body.once('data', () => answer.cut())
        else call.body.resume()
      },
    })
    const dispatcher = new HyperDispatcher({ connect: { ca: origin.ca } })
    const upload = async (
      path: string,
      stop: (signal: AbortController & EventEmitter) => void,
      kind: string,
    ): Promise<unknown> => {
      const body = new Readable({ read() {} })
      body.push('x')
      const told = new Promise((resolve) => {
        body.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name))
      })
      const controller = new AbortController()
      const emitter = new EventEmitter()
      const signal = kind === 'signal' ? controller.signal : emitter
      dispatcher.request({ origin: origin.origin, path, method: 'POST', body, signal }).catch(() => {})
      while (!origin.requests.some((call) => call.path === path)) await new Promise((resolve) => setTimeout(resolve, 5))
      stop((kind === 'signal' ? controller : emitter) as AbortController & EventEmitter)
      return told
    }
    assert.equal(await upload('/a', (controller) => controller.abort(new RangeError('mine')), 'signal'), 'RangeError')
    assert.equal(await upload('/b', (emitter) => emitter.emit('abort'), 'emitter'), 'UND_ERR_ABORTED')
    assert.equal(await upload('/cut', () => {}, 'emitter'), 'UND_ERR_SOCKET')
    await dispatcher.destroy()
  })

  test(`${protocol}: a web stream given to fetch is cancelled with the very reason of the abort`, async () => {
    await using origin = await start({ '*': (call) => void call.body.resume() })
    await using fetch = createFetch({ tls: { ca: origin.ca } })
    for (const reason of ['a text', { an: 'object' }, new RangeError('mine')]) {
      const controller = new AbortController()
      let cancelled: (reason: unknown) => void = () => {}
      const told = new Promise((resolve) => {
        cancelled = resolve
      })
      const body = new ReadableStream({
        start: (stream) => stream.enqueue(Buffer.from('x')),
        pull: () => new Promise(() => {}),
        cancel: (why) => cancelled(why),
      })
      const init = { method: 'POST', body, duplex: 'half', signal: controller.signal }
      const sent = origin.requests.length
      const failed = fetch(`${origin.origin}/`, init as RequestInit).catch((error: unknown) => error)
      while (origin.requests.length === sent) await new Promise((resolve) => setTimeout(resolve, 5))
      controller.abort(reason)
      assert.equal(await failed, reason)
      assert.equal(await told, reason)
    }
  })

  test(`${protocol}: axios leaves out a header that is null, with its default, and too many redirects tell of the request`, async () => {
    await using origin = await start({
      '/round'(_call, answer) {
        answer.head(302, { location: '/round' })
        answer.end()
      },
      '*': (call, answer) => answer.end(JSON.stringify(call.headers)),
    })
    const adapter = createHyperAdapter({ tls: { ca: origin.ca } })
    const headers = { 'User-Agent': null, 'Accept-Encoding': null, 'X-None': null }
    const { data } = await axios.get<Record<string, string>>(`${origin.origin}/`, { adapter, headers })
    for (const name of ['user-agent', 'accept-encoding', 'x-none']) assert.equal(data[name], undefined, name)
    const error: unknown = await axios
      .get(`${origin.origin}/round`, { adapter, maxRedirects: 2 })
      .catch((thrown) => thrown)
    assert.ok(axios.isAxiosError(error))
    assert.equal(error.code, 'ERR_FR_TOO_MANY_REDIRECTS')
    assert.equal(error.request?.path, '/round')
    await adapter.close()
  })
}

test("what a lookup of the caller's own throws or answers with has no code of a lost connection, by whichever shim", async () => {
  const mine = new RangeError('no such service')
  for (const lookup of [
    (_host: string, _options: object, callback: (error: Error, address: string, family: number) => void) =>
      callback(mine, '', 0),
    () => {
      throw mine
    },
  ] as LookupFunction[]) {
    const pool = new Pool({ lookup })
    const url = 'http://service.test/'
    let tries = 0
    const client = got.extend(hyperGot({ pool }), {
      retry: { backoffLimit: 1 },
      hooks: { beforeRetry: [() => void tries++] },
    })
    const agent = createHyperAgent({ pool }).http
    const calls: [string, () => Promise<unknown>, code?: string][] = [
      ['axios', () => axios.get(url, { adapter: createHyperAdapter({ pool }), proxy: false })],
      ['got', () => client(url), 'ERR_GOT_REQUEST_ERROR'],
      ['undici', () => new HyperDispatcher({ pool }).request({ origin: url, path: '/', method: 'GET' })],
      ['agent', () => once(http.get(url, { agent }), 'response')],
    ]
    for (const [name, call, code] of calls) {
      await assert.rejects(call, (error: Error & { code?: string }) => {
        assert.equal(error.code, code, name)
        assert.match(error.message, /no such service/, name)
        return true
      })
    }
    assert.equal(tries, 0)
    await pool.destroy()
  }
})

test('a checkServerIdentity that throws, or objects with something else than an Error, fails its request and nothing else, by whichever shim', async () => {
  await using origin = await startH2Origin({ '*': (_call, answer) => answer.end('reached') })
  const url = `${origin.origin}/`
  for (const checkServerIdentity of [
    () => {
      throw new RangeError('not this one')
    },
    () => 'not this one' as unknown as Error,
  ]) {
    await using pool = new Pool({ tls: { ca: origin.ca, checkServerIdentity } })
    const agent = createHyperAgent({ pool }).https
    const calls: (() => Promise<unknown>)[] = [
      () => axios.get(url, { adapter: createHyperAdapter({ pool }), proxy: false }),
      () => got(url, { ...hyperGot({ pool }), retry: { limit: 1, backoffLimit: 1 } }),
      () => new HyperDispatcher({ pool }).request({ origin: origin.origin, path: '/', method: 'GET' }),
      () => once(https.get(url, { agent }), 'response'),
    ]
    for (const call of calls) await assert.rejects(call, /not this one/)
    await assert.rejects(createFetch({ pool })(url), ({ cause }: { cause: Error }) =>
      /not this one/.test(cause.message),
    )
  }
  assert.equal(origin.requests.length, 0)
})
