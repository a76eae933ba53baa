/** Node's own client, and libraries that take an agent, over our transport. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import axios from 'axios'
import got from 'got'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { Pool } from '../../../src/index.ts'
import { TestOrigin as ScriptedOrigin } from '../../../src/testing/index.ts'
import { type Routes, startDualOrigin, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

const routes: Routes = {
  '/echo-all': async (call, answer) => {
    const body = await buffer(call.body)
    answer.head(200, {
      'x-method': call.method,
      'x-protocol': call.protocol,
      'x-length': String(call.headers['content-length'] ?? ''),
    })
    answer.end(body)
  },
  '/trailers-here': (_call, answer) => {
    answer.head(200, { trailer: 'x-sum' }, { trailers: true })
    answer.end('body', { 'x-sum': 'abc' })
  },
  '/early': (_call, answer) => {
    answer.early(103, { link: '</a.css>; rel=preload' })
    answer.head(200)
    answer.end('late')
  },
  '/reset': (_call, answer) => answer.reset(8),
  '/cut-body': (_call, answer) => {
    answer.head(200, { 'content-length': '1000' })
    answer.write('first')
    setTimeout(() => answer.cut(), 20)
  },
  '/endless': (_call, answer) => {
    answer.head(200)
    answer.write('first')
  },
}

type Started = TestOrigin<never>

interface Reply {
  response: http.IncomingMessage
  body: string
}

/** A request by node:https with an agent. */
async function ask(
  origin: string,
  path: string,
  options: https.RequestOptions,
  body?: string | Buffer,
): Promise<Reply> {
  const request = (origin.startsWith('https') ? https : http).request(`${origin}${path}`, options)
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return { response, body: await text(response) }
}

const kinds: [string, () => Promise<Started>, string][] = [
  ['an HTTP/2 origin', () => startH2Origin(routes) as Promise<Started>, 'h2'],
  ['an HTTP/1.1 origin', () => startH1Origin(routes) as Promise<Started>, 'http/1.1'],
]

for (const [kind, start, protocol] of kinds) {
  describe(`agents, with ${kind}`, () => {
    test('node:https makes a GET over the agent', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const agent = createHyperAgent({ pool }).https
      const { response, body } = await ask(origin.origin, '/echo-all', { agent })
      assert.equal(response.statusCode, 200)
      assert.equal(response.headers['x-protocol'], protocol)
      assert.equal(body, '')
    })

    test('bodies with a length, in chunks, and none', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const agent = createHyperAgent({ pool }).https
      const url = `${origin.origin}/echo-all`
      const fixed = await ask(
        origin.origin,
        '/echo-all',
        { agent, method: 'POST', headers: { 'content-length': 5 } },
        'fixed',
      )
      assert.deepEqual([fixed.body, fixed.response.headers['x-length']], ['fixed', '5'])
      const request = https.request(url, { agent, method: 'PUT' })
      const big = Buffer.alloc(300_000, 'chunk')
      for (let at = 0; at < big.length; at += 7000) request.write(big.subarray(at, at + 7000))
      request.end()
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      assert.ok((await buffer(response)).equals(big))
      const empty = await ask(origin.origin, '/echo-all', { agent, method: 'DELETE' })
      assert.equal(empty.response.headers['x-method'], 'DELETE')
    })

    test('a response to HEAD or with 204 has no body, and trailers arrive', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const agent = createHyperAgent({ pool }).https
      const head = await ask(origin.origin, '/bytes/100', { agent, method: 'HEAD' })
      assert.equal(head.body, '')
      const { response, body } = await ask(origin.origin, '/trailers-here', { agent })
      assert.equal(body, 'body')
      assert.deepEqual({ ...response.trailers }, { 'x-sum': 'abc' })
    })

    test('informational responses reach the request', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const request = https.get(`${origin.origin}/early`, { agent: createHyperAgent({ pool }).https })
      const informed = once(request, 'information')
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      const [information] = await informed
      assert.equal(information.statusCode, 103)
      assert.equal(information.headers.link, '</a.css>; rel=preload')
      assert.equal(await text(response), 'late')
    })

    test('a response that is given up, and one that its time runs out for', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const agent = createHyperAgent({ pool }).https
      const request = https.get(`${origin.origin}/endless`, { agent })
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      response.on('error', () => {})
      await once(response, 'data')
      request.destroy()
      await once(request, 'close')
      const slow = https.get(`${origin.origin}/endless`, { agent, timeout: 30 })
      // On a slow machine its time may run out before the response has come: then the request hears of its end.
      slow.on('error', () => {})
      slow.on('response', (late: http.IncomingMessage) => late.on('error', () => {}).resume())
      await once(slow, 'timeout')
      slow.destroy()
      assert.equal((await ask(origin.origin, '/bytes/3', { agent })).body.length, 3)
    })

    test('an origin that is not there is an error with the code of the system', async () => {
      const origin = await start()
      await origin.close()
      await using pool = new Pool()
      const request = https.get(origin.origin, { agent: createHyperAgent({ pool }).https })
      const [error] = await once(request, 'error')
      assert.equal(error.code, 'ECONNREFUSED')
    })

    test('a reset before the headers and a connection lost within the body are errors, and other requests go on', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const agent = createHyperAgent({ pool }).https
      const request = https.request(`${origin.origin}/reset`, { agent, method: 'POST' }).end()
      const [error] = await once(request, 'error')
      assert.ok(error instanceof Error)
      const second = https.get(`${origin.origin}/cut-body`, { agent })
      // As with a socket of Node's, both the request and the response tell of it.
      second.on('error', () => {})
      const [cut] = (await once(second, 'response')) as [http.IncomingMessage]
      await assert.rejects(buffer(cut))
      assert.equal(cut.complete, false)
      assert.equal((await ask(origin.origin, '/bytes/3', { agent })).body.length, 3)
    })

    test('5 MB in each direction arrive whole, and names and values that could break the HTTP text are safe', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const agent = createHyperAgent({ pool }).https
      const sent = Buffer.alloc(5_000_000, 'a line\r\n\r\nand another 0\r\n\r\n')
      const request = https.request(`${origin.origin}/echo-all`, { agent, method: 'POST' }).end(sent)
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      assert.ok((await buffer(response)).equals(sent))
      assert.throws(() => https.get(origin.origin, { agent, headers: { 'x-a': 'b\r\nx-c: d' } }), {
        code: 'ERR_INVALID_CHAR',
      })
      assert.throws(() => https.get(origin.origin, { agent, path: '/a b' }), { code: 'ERR_UNESCAPED_CHARACTERS' })
    })

    test('axios by httpsAgent, with redirects', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = axios.create({ httpsAgent: createHyperAgent({ pool }).https, proxy: false })
      const { data, headers } = await client.post(`${origin.origin}/echo-all`, { a: 1 })
      assert.deepEqual(data, { a: 1 })
      assert.equal(headers['x-protocol'], protocol)
    })

    test('a redirect that is followed ends as a request that went well, and its connection stays', async (t) => {
      await using origin = await ScriptedOrigin.start({ protocols: [protocol === 'h2' ? 'h2' : 'http/1.1'] })
      await using pool = new Pool({ tls: { ca: origin.ca }, connections: 1 })
      const client = axios.create({ httpsAgent: createHyperAgent({ pool }).https, proxy: false })
      const told: string[] = []
      const onEnd = (): void => void told.push('end')
      const onError = (message: unknown): void => void told.push(String(Reflect.get(Object(message), 'error')))
      subscribe('hyper:request:end', onEnd)
      subscribe('hyper:request:error', onError)
      t.after(() => {
        unsubscribe('hyper:request:end', onEnd)
        unsubscribe('hyper:request:error', onError)
      })
      origin.answer('/here', { json: { here: true } })
      for (const body of ['', 'it has moved']) {
        origin.answer('/moved', { status: 302, headers: { location: '/here' }, body })
        assert.deepEqual((await client.get(origin.url('/moved'))).data, { here: true })
      }
      assert.deepEqual(told, ['end', 'end', 'end', 'end'])
      assert.equal(origin.connections.total, 1)
      // One that never ends, or is long, is not waited for.
      for (const rest of [{ body: 'xx', stallAfter: 1 }, { body: 'x'.repeat(300_000) }]) {
        origin.answer('/moved', { status: 302, headers: { location: '/here' }, ...rest })
        assert.deepEqual((await client.get(origin.url('/moved'))).data, { here: true })
      }
      await pool.close()
      assert.equal(told.filter((one) => one.includes('AbortedError')).length, 2)
    })

    test('got by agent, streams included', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = got.extend({ agent: createHyperAgent({ pool }), retry: { limit: 0 } })
      const { body, headers } = await client.post(`${origin.origin}/echo-all`, { body: 'by got' })
      assert.equal(body, 'by got')
      assert.equal(headers['x-protocol'], protocol)
      assert.equal(await text(client.stream(`${origin.origin}/trailers-here`)), 'body')
    })
  })
}

describe('agents', () => {
  test('many requests at once share one HTTP/2 connection', async () => {
    await using origin = await startDualOrigin(routes)
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const agent = createHyperAgent({ pool }).https
    const replies = await Promise.all(Array.from({ length: 100 }, () => ask(origin.origin, '/bytes/10', { agent })))
    for (const { body } of replies) assert.equal(body.length, 10)
    assert.equal(origin.connections, 1)
  })

  test('plain http has an agent of its own', async () => {
    await using origin = await startH1Origin(routes, { plain: true })
    await using pool = new Pool()
    const { response } = await ask(origin.origin, '/echo-all', { agent: createHyperAgent({ pool }).http })
    assert.equal(response.headers['x-protocol'], 'http/1.1')
  })

  test('TLS options of the request count', async () => {
    await using origin = await startDualOrigin(routes)
    await using pool = new Pool()
    const agent = createHyperAgent({ pool }).https
    const refused = https.get(origin.origin, { agent })
    const [error] = await once(refused, 'error')
    assert.match(String(error.code), /CERT|UNABLE_TO_VERIFY|SELF_SIGNED/)
    assert.equal((await ask(origin.origin, '/bytes/4', { agent, ca: origin.ca })).body.length, 4)
  })

  test('an upgrade goes over a connection of its own', async () => {
    const server = http.createServer()
    server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    assert.ok(address !== null && typeof address === 'object')
    const agents = createHyperAgent({ pool: new Pool() })
    const request = http.get({
      port: address.port,
      agent: agents.http,
      headers: { connection: 'upgrade', upgrade: 'x' },
    })
    const [, socket, first] = await once(request, 'upgrade')
    socket.destroy()
    assert.equal(String(first), 'hello')
    agents.http.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  test('a body goes when the server says that it will take it', async () => {
    await using origin = await startH2Origin((stream) => {
      stream.additionalHeaders({ ':status': 100 })
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const agent = createHyperAgent({ pool }).https
    const request = https.request(`${origin.origin}/careful`, {
      agent,
      method: 'POST',
      headers: { expect: '100-continue' },
    })
    request.flushHeaders()
    const answered = once(request, 'response')
    await once(request, 'continue')
    request.end('after all')
    const [response] = (await answered) as [http.IncomingMessage]
    assert.equal(await text(response), 'after all')
  })
})

test('what is written before there is a connection is not sent: `finish` does not come when there will be none', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const events = (agent: http.Agent | undefined): Promise<string[]> =>
    new Promise((resolve) => {
      const seen: string[] = []
      const request = http.request(`http://127.0.0.1:${port}/`, { method: 'POST', ...(agent && { agent }) })
      request.on('finish', () => seen.push('finish'))
      request.on('error', (error: NodeJS.ErrnoException) => seen.push(String(error.code)))
      request.on('close', () => resolve([...seen, 'close']))
      request.end('body')
    })
  const agents = createHyperAgent({ idleTimeout: 1000 })
  assert.deepEqual(await events(agents.http), await events(undefined))
  agents.http.destroy()
})

for (const [protocol, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${protocol}: when a body breaks off only the message gets the error, after everything that arrived`, async () => {
    await using origin = await start({
      '*'(_call, answer) {
        answer.head(200, { 'content-length': 200_000 })
        answer.write(Buffer.alloc(100_000))
        setTimeout(() => answer.cut(), 50)
      },
    })
    const pool = new Pool({ tls: { ca: origin.ca } })
    const request = https.get(`${origin.origin}/`, { agent: createHyperAgent({ pool }).https })
    const [message] = (await once(request, 'response')) as [http.IncomingMessage]
    // From here on nobody listens to the request.
    request.removeAllListeners('error')
    let octets = 0
    await assert.rejects(
      async () => {
        for await (const chunk of message) octets += (chunk as Buffer).length
      },
      { code: 'ECONNRESET' },
    )
    assert.equal(octets, 100_000)
    await pool.destroy()
  })

  test(`${protocol}: a request in absolute form for the same origin is one for its path`, async () => {
    await using origin = await start({ '*': (call, answer) => answer.end(call.path) })
    const pool = new Pool({ tls: { ca: origin.ca } })
    const { hostname, port } = new URL(origin.origin)
    const path = `${origin.origin}/there`
    const request = https.request({ hostname, port, path, agent: createHyperAgent({ pool }).https }).end()
    const [message] = (await once(request, 'response')) as [http.IncomingMessage]
    assert.equal((await message.toArray()).join(''), '/there')
    await pool.destroy()
  })
}
