/**
 * The quickstart of Python hyper's documents, step by step, against a server that answers as http2bin.org did: what stood
 * there in Python is done here in its words.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import zlib from 'node:zlib'
import { BaseFlowControlManager, HTTP20Connection, HTTPConnection } from '../../src/index.ts'
import { type Call, type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'

const page = '<!DOCTYPE html>\n<title>http2bin</title>'

async function describeRequest(call: Call): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of call.body) parts.push(part)
  const data = Buffer.concat(parts).toString()
  const headers = Object.fromEntries(Object.entries(call.headers).filter(([name]) => !name.startsWith(':')))
  const json: unknown = headers['content-type'] === 'application/json' ? JSON.parse(data) : null
  return JSON.stringify({ args: Object.fromEntries(call.query), data, headers, json, url: call.path })
}

const http2bin: Routes = {
  '*': async (call, answer) => {
    answer.head(200, { 'content-type': 'application/json' })
    answer.end(await describeRequest(call))
  },
  '/': (_call, answer) => {
    answer.head(200, { server: 'http2bin', 'content-type': 'text/html; charset=utf-8', 'content-encoding': 'gzip' })
    answer.end(zlib.gzipSync(page))
  },
  '/ip': (_call, answer) => {
    answer.head(200, { 'content-type': 'application/json' })
    answer.end('{"origin": "127.0.0.1"}')
  },
  '/stream': (_call, answer) => {
    answer.head(200)
    for (let n = 0; n < 3; n++) answer.write(`{"id": ${n}}\n`)
    answer.end()
  },
}

for (const { version, start } of [
  { version: 'HTTP/2', start: startH2Origin },
  { version: 'HTTP/1.1', start: startH1Origin },
] as const) {
  describe(`the quickstart over ${version}`, () => {
    let server: TestOrigin
    const connect = (): HTTPConnection =>
      new HTTPConnection(`localhost:${server.port}`, { secure: true, tls: { ca: server.ca } })

    before(async () => {
      server = await start(http2bin)
    })
    after(() => server.close())

    test('making the first request', async () => {
      await using c = connect()
      assert.equal(await c.request('GET', '/'), version === 'HTTP/2' ? 1 : null)
      const resp = await c.getResponse()
      assert.deepEqual(resp.headers.get('content-type'), ['text/html; charset=utf-8'])
      assert.deepEqual([...resp.headers].at(0), ['server', 'http2bin'])
      assert.equal(resp.status, 200)
      assert.equal(await resp.text(), page)
    })

    test('streams', async () => {
      await using c = connect()
      const first = await c.request('GET', '/get', { headers: { key: 'value' } })
      const second = await c.request('POST', '/post', { body: Buffer.from('hello') })
      const third = await c.request('GET', '/ip')
      const responses =
        version === 'HTTP/2'
          ? [await c.getResponse(second), await c.getResponse(first), await c.getResponse(third)]
          : // Without identifiers: in the order of the requests.
            [await c.getResponse(), await c.getResponse(), await c.getResponse()]
      const [one, two, three] = version === 'HTTP/2' ? [responses[1], responses[0], responses[2]] : responses
      assert.ok(one !== undefined && two !== undefined && three !== undefined)
      const echoed = (await one.json()) as { headers: Record<string, string> }
      assert.equal(echoed.headers.key, 'value')
      const posted = (await two.json()) as { data: string; headers: Record<string, string> }
      assert.deepEqual([posted.data, posted.headers['content-length']], ['hello', '5'])
      assert.deepEqual(await three.json(), { origin: '127.0.0.1' })
    })

    test('abstraction: the identifier tells the protocol', async () => {
      await using c = connect()
      const id = await c.request('GET', '/get')
      assert.equal(id === null, c.version === 'HTTP/1.1')
      await (await c.getResponse(id)).read()
    })

    test('connections as context managers', async () => {
      const data = await (async () => {
        await using conn = connect()
        await conn.request('GET', '/get')
        return (await conn.getResponse()).read()
      })()
      assert.match(data.toString(), /"url":"\/get"/)
      // The connection is gone with the block.
      while (server.open > 0) await new Promise((resolve) => setImmediate(resolve))
    })

    test('chunked responses', async () => {
      await using conn = connect()
      await conn.request('GET', '/stream/3')
      let lines = ''
      for await (const chunk of (await conn.getResponse()).readChunked()) lines += chunk.toString()
      assert.equal(lines.split('\n').length, 4)
      const compressed = await conn.roundTrip('GET', '/')
      const pieces: Buffer[] = []
      for await (const piece of compressed.readChunked({ decodeContent: false })) pieces.push(piece)
      assert.equal(zlib.gunzipSync(Buffer.concat(pieces)).toString(), page)
    })

    test('streaming uploads', async () => {
      await using conn = connect()
      async function* file(): AsyncGenerator<Buffer> {
        for (let n = 0; n < 3; n++) yield Buffer.from('part ')
      }
      const response = await conn.roundTrip('POST', '/post', { body: file(), headers: { 'content-length': '15' } })
      assert.equal(((await response.json()) as { data: string }).data, 'part part part ')
    })

    test('content decompression can be left out', async () => {
      await using conn = connect()
      const resp = await conn.roundTrip('GET', '/')
      assert.equal((await resp.read(null, { decodeContent: false }))[0], 0x1f)
    })

    test('JSON, as the command sends it', async () => {
      await using conn = connect()
      const body = JSON.stringify({ name: 'Hyper', language: 'Python', description: 'CLI HTTP client' })
      const response = await conn.roundTrip('POST', '/post?search=hyper', {
        body,
        headers: { 'content-type': 'application/json' },
      })
      const seen = (await response.json()) as { args: object; json: object }
      assert.deepEqual(seen.args, { search: 'hyper' })
      assert.deepEqual(seen.json, { name: 'Hyper', language: 'Python', description: 'CLI HTTP client' })
    })
  })
}

test('flow control and window managers: the class is plugged in', async () => {
  const made: string[] = []
  class StupidFlowControlManager extends BaseFlowControlManager {
    constructor(initialWindowSize: number, scope: 'connection' | 'stream') {
      super(initialWindowSize)
      made.push(scope)
    }

    increaseWindowSize(frameSize: number): number {
      return frameSize
    }
  }
  await using server = await startH2Origin()
  await using conn = new HTTP20Connection(`localhost:${server.port}`, {
    secure: true,
    tls: { ca: server.ca },
    windowManager: StupidFlowControlManager,
    streamWindow: 65_535,
    connectionWindow: 65_535,
  })
  assert.equal((await (await conn.roundTrip('GET', '/bytes/1000000')).read()).length, 1_000_000)
  await (await conn.roundTrip('GET', '/json')).read()
  assert.deepEqual(made, ['connection', 'stream', 'stream'])
})
