/** Where code that was written for axios's own adapter looks closely. */
import assert from 'node:assert/strict'
import { Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import axios, { type AxiosProgressEvent } from 'axios'
import FormData from 'form-data'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { Pool } from '../../../src/index.ts'
import { type Routes, startH1Origin } from '../../support/origin.ts'
import { failure, open, protocols } from './support.ts'

const routes: Routes = {
  '/length': async (call, answer) => {
    const { length } = await buffer(call.body)
    answer.head(200)
    answer.end(String(length))
  },
  /** Redirects once something of the body has come, and reads no more of it. */
  '/elsewhere': async (call, answer) => {
    call.body.once('data', () => {
      answer.head(307, { location: '/length' })
      answer.end()
    })
  },
  '/after': async (call, answer) => {
    await buffer(call.body)
    answer.head(307, { location: '/length' })
    answer.end()
  },
  '/notes.txt': (_call, answer) => {
    answer.head(200, { 'content-type': 'text/plain', 'content-length': 5 })
    answer.end('hello')
  },
  '/form': async (call, answer) => {
    const body = await text(call.body)
    answer.head(200, { 'x-length': String(call.headers['content-length']) })
    answer.end(body)
  },
}

for (const [name, start] of protocols) {
  test(`${name}: a redirect that comes before a streamed body was sent gets the whole body`, async () => {
    await using bench = await open(start, routes)
    let goOn = (): void => {}
    const redirected = new Promise<void>((resolve) => {
      goOn = resolve
    })
    async function* pieces(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(1000)
      await redirected
      yield Buffer.alloc(500)
      yield Buffer.alloc(20)
    }
    const source = Readable.from(pieces(), { objectMode: false })
    const { data } = await bench.axios.post('/elsewhere', source, { beforeRedirect: () => goOn() })
    assert.equal(data, 1520)
  })

  test(`${name}: a streamed body is let go of when its redirect fails, or asks for it no more`, async () => {
    await using bench = await open(start, routes)
    const source = new Readable({ read() {} })
    source.push('first')
    const closed = new Promise((resolve) => source.once('close', resolve))
    const stop = (): never => {
      source.push('second')
      throw new Error('no further')
    }
    const error = await failure(bench.axios.post('/elsewhere', source, { beforeRedirect: stop }))
    assert.equal(error.code, 'ERR_FR_REDIRECTION_FAILURE')
    await closed
  })

  test(`${name}: what a redirect sends again is no progress`, async () => {
    await using bench = await open(start, routes)
    const events: AxiosProgressEvent[] = []
    const source = Readable.from([Buffer.alloc(1000), Buffer.alloc(500)], { objectMode: false })
    await bench.axios.post('/after', source, { onUploadProgress: (event) => events.push(event) })
    assert.equal(events.at(-1)?.loaded, 1500)
    assert.equal(
      events.reduce((sum, { bytes }) => sum + bytes, 0),
      1500,
    )
  })

  test(`${name}: a response stream has what a message of node:http has, and is a file to form-data`, async () => {
    await using bench = await open(start, routes)
    const { data: stream } = await bench.axios.get('/notes.txt', { responseType: 'stream' })
    assert.deepEqual(
      [stream.statusCode, stream.statusMessage, stream.headers['content-length'], stream.responseUrl],
      [200, 'OK', '5', `${bench.origin.origin}/notes.txt`],
    )
    const form = new FormData()
    form.append('file', stream)
    const { data, headers } = await bench.axios.post('/form', form)
    assert.match(data, /filename="notes\.txt"\r\nContent-Type: text\/plain\r\n\r\nhello\r\n/)
    assert.notEqual(headers['x-length'], 'undefined')
    assert.equal(stream.complete, true)
  })

  test(`${name}: a streamed body that is destroyed is a cancellation`, async () => {
    await using bench = await open(start, routes)
    const before = Readable.from(['never'])
    before.destroy()
    const within = new Readable({ read() {} })
    within.push('first')
    setImmediate(() => within.destroy())
    for (const source of [before, within]) {
      const outcome: unknown = await bench.axios.post('/length', source).catch((error: unknown) => error)
      assert.ok(axios.isCancel(outcome))
      assert.deepEqual([outcome.code, outcome.message], ['ERR_CANCELED', 'Request stream has been aborted'])
    }
  })

  test(`${name}: what is false is no body`, async () => {
    await using bench = await open(start, routes)
    for (const data of [false, 0, Number.NaN, '', null]) assert.equal((await bench.axios.post('/length', data)).data, 0)
  })

  test(`${name}: a decoded stream is no message`, async () => {
    await using bench = await open(start)
    const { data: stream } = await bench.axios.get('/gzip', { responseType: 'stream' })
    assert.deepEqual([Object.hasOwn(stream, 'httpVersion'), stream.statusCode], [false, undefined])
    stream.destroy()
  })

  test(`${name}: an unknown responseEncoding rejects the call`, async () => {
    await using bench = await open(start)
    const error = await failure(bench.axios.get('/json', { responseEncoding: 'bogus' as 'utf8' }))
    assert.deepEqual(
      [error.code, error.message, error.response?.status],
      ['ERR_UNKNOWN_ENCODING', 'Unknown encoding: bogus', 200],
    )
    assert.equal((await bench.axios.get('/json')).status, 200)
  })

  test(`${name}: TLS asks for the name in the Host header, unless the agent has one`, async () => {
    await using bench = await open(start)
    const names = new Set<unknown>()
    bench.origin.server.on('secureConnection', (socket: TLSSocket) => names.add(socket.servername))
    const url = bench.origin.origin.replace('localhost', '127.0.0.1')
    await bench.axios.get(`${url}/json`, { headers: { Host: 'localhost' } })
    await bench.axios.get(`${url}/json`, { headers: { Host: '127.0.0.1:1' } })
    const error = await failure(bench.axios.get(`${url}/json`, { headers: { Host: 'other.example' } }))
    assert.equal(error.code, 'ERR_TLS_CERT_ALTNAME_INVALID')
    const httpsAgent = new HttpsAgent({ servername: 'localhost' })
    await bench.axios.get(`${url}/json`, { headers: { Host: 'other.example' }, httpsAgent })
    names.delete('other.example')
    assert.deepEqual([...names], ['localhost', false])
  })
}

test('of some header fields the first line counts', async () => {
  await using bench = await open(startH1Origin, {
    '/twice': (_call, answer) => {
      answer.head(302, { location: ['/again', '/nowhere'] })
      answer.end()
    },
    '/again': (_call, answer) => {
      answer.head(200, { 'content-type': ['text/plain', 'text/html'], etag: ['"a"', '"b"'], 'x-list': ['1', '2'] })
      answer.end('found')
    },
  })
  const { headers, data, request } = await bench.axios.get('/twice')
  assert.equal(data, 'found')
  assert.deepEqual([headers['content-type'], headers['etag'], headers['x-list']], ['text/plain', '"a"', '1, 2'])
  assert.equal(request.res.headers['content-type'], 'text/plain')
})

test("an agent with proxies of Node's, or with a connection of its own making, goes with axios's own adapter", async () => {
  await using origin = await startH1Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }) })
  let made = 0
  const own = new HttpsAgent({ ca: origin.ca })
  own.createConnection = () => {
    made++
    return connect({ host: '127.0.0.1', port: origin.port, ca: origin.ca, servername: 'localhost' })
  }
  assert.equal((await instance.get(`${origin.origin}/json`, { httpsAgent: own, proxy: false })).status, 200)
  assert.equal(made, 1)
  own.destroy()
  const proxied = new HttpsAgent({ ca: origin.ca, proxyEnv: { HTTPS_PROXY: 'http://127.0.0.1:1' } } as object)
  const error = await failure(instance.get(`${origin.origin}/json`, { httpsAgent: proxied }))
  assert.equal(error.code, 'ECONNREFUSED')
  proxied.destroy()
})
