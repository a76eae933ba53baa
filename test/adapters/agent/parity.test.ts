/** Where code that was written for Node's own sockets looks closely. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { Pool } from '../../../src/index.ts'
import { type Routes, startH1Origin, startH2Origin } from '../../support/origin.ts'

const protocols = [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const

const LENGTH = 3_000_000

const routes: Routes = {
  '/long': (_call, answer) => {
    answer.head(200)
    answer.end(Buffer.alloc(LENGTH, 'x'))
  },
  '/too-large': (call, answer) => {
    call.body.resume()
    answer.head(413, { 'content-length': 3 })
    answer.end('big')
  },
}

for (const [name, start] of protocols) {
  test(`${name}: a request that is destroyed while its response comes aborts the message with ECONNRESET`, async () => {
    await using origin = await start({
      '/endless': (_call, answer) => {
        answer.head(200)
        answer.write('x')
      },
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { https: agent } = createHyperAgent({ pool })
    const request = https.get(`${origin.origin}/endless`, { agent })
    request.on('error', (error) => assert.fail(error))
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    let aborted = false
    response.on('aborted', () => {
      aborted = true
    })
    await once(response, 'data')
    request.destroy()
    const [error] = (await once(response, 'error')) as [NodeJS.ErrnoException]
    assert.deepEqual([error.code, error.message, aborted], ['ECONNRESET', 'aborted', true])
  })

  test(`${name}: destroy() of an agent with a pool of its own hangs up on the requests that are on their way`, async () => {
    const arrived = Promise.withResolvers<void>()
    await using origin = await start({ '/silent': () => arrived.resolve() })
    const { https: agent } = createHyperAgent({ tls: { ca: origin.ca } })
    const request = https.get(`${origin.origin}/silent`, { agent })
    const failed = once(request, 'error') as Promise<[NodeJS.ErrnoException]>
    await arrived.promise
    agent.destroy()
    const [error] = await failed
    assert.deepEqual([error.code, error.message], ['ECONNRESET', 'socket hang up'])
    const [late] = (await once(https.get(`${origin.origin}/silent`, { agent }), 'error')) as [NodeJS.ErrnoException]
    assert.equal(late.code, 'ERR_HYPER_POOL_DESTROYED')
  })

  test(`${name}: a slow reader gets the whole of a body`, async () => {
    await using origin = await start(routes)
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { https: agent } = createHyperAgent({ pool })
    const [response] = (await once(https.get(`${origin.origin}/long`, { agent }), 'response')) as [http.IncomingMessage]
    let length = 0
    let chunks = 0
    for await (const chunk of response) {
      length += chunk.length
      if (chunks++ % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    assert.equal(length, LENGTH)
  })

  test(`${name}: a body whose answer came early is written to its end`, async () => {
    await using origin = await start(routes)
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { https: agent } = createHyperAgent({ pool })
    const request = https.request(`${origin.origin}/too-large`, { agent, method: 'POST' })
    const events: string[] = []
    for (const event of ['finish', 'error', 'close']) request.on(event, () => events.push(event))
    request.write(Buffer.alloc(65_536))
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    assert.equal(await text(response), 'big')
    for (let i = 0; i < 30; i++) await new Promise((resolve) => request.write(Buffer.alloc(65_536), resolve))
    request.end()
    await once(request, 'close')
    assert.deepEqual(events, ['finish', 'close'])
  })

  test(`${name}: a socket is connecting until it says connect, and then secureConnect`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { https: agent } = createHyperAgent({ pool })
    const steps = async (): Promise<unknown[]> => {
      const request = https.get(`${origin.origin}/json`, { agent })
      const seen: unknown[] = []
      request.on('socket', (socket) => {
        seen.push(socket.connecting)
        for (const event of ['connect', 'secureConnect', 'ready']) socket.on(event, () => seen.push(event))
      })
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      seen.push(response.socket.connecting, request.reusedSocket, response.socket.address())
      response.resume()
      await once(request, 'close')
      return seen
    }
    const first = await steps()
    assert.deepEqual(first.slice(0, 6), [true, 'connect', 'ready', 'secureConnect', false, false])
    assert.deepEqual(await steps(), [true, 'connect', 'ready', 'secureConnect', false, true, first[6]])
  })

  test(`${name}: connections are shared with requests that give no Host`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { https: agent } = createHyperAgent({ pool })
    const plain = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const handler = { onHeaders() {}, onData() {}, onEnd: () => resolve(), onError: reject }
        pool.dispatch({ origin: origin.origin, method: 'GET', path: '/json', headers: [] }, handler)
      })
    await plain()
    const request = https.get(`${origin.origin}/json`, { agent })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    await text(response)
    assert.equal(origin.connections, 1)
    assert.equal(origin.requests.at(-1)?.headers[name === 'HTTP/2' ? ':authority' : 'host'], `localhost:${origin.port}`)
  })

  test(`${name}: a response that is given up closes before its request does`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { https: agent } = createHyperAgent({ pool })
    const request = https.get(`${origin.origin}/slow-body`, { agent })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const events: string[] = []
    response.on('close', () => events.push('response'))
    request.on('close', () => events.push('request'))
    response.destroy()
    await once(request, 'close')
    assert.deepEqual(events, ['response', 'request'])
  })

  test(`${name}: TLS asks for the name in the Host header, unless servername says another`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { https: agent } = createHyperAgent({ pool })
    const names = new Set<unknown>()
    origin.server.on('secureConnection', (socket: TLSSocket) => names.add(socket.servername))
    const url = `${origin.origin.replace('localhost', '127.0.0.1')}/json`
    const ask = async (host: string, servername?: string): Promise<void> => {
      const options = { agent, headers: { host }, ...(servername === undefined ? {} : { servername }) }
      const [response] = (await once(https.get(url, options), 'response')) as [http.IncomingMessage]
      await text(response)
    }
    await ask('localhost')
    await assert.rejects(ask('other.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    await ask('other.example', 'localhost')
    names.delete('other.example')
    assert.deepEqual([...names], ['localhost'])
  })
}

test('over HTTP/1.1, whose client sends no expectation, a body that waits for it is asked for', async () => {
  await using origin = await startH1Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const { https: agent } = createHyperAgent({ pool })
  const headers = { expect: '100-continue' }
  const request = https.request(`${origin.origin}/echo`, { agent, method: 'POST', headers })
  request.flushHeaders()
  const answered = once(request, 'response')
  await once(request, 'continue')
  request.end('after all')
  const [response] = (await answered) as [http.IncomingMessage]
  assert.equal(await text(response), 'after all')
})

test("an upgrade trusts whom the agent's pool trusts", async () => {
  await using origin = await startH1Origin()
  origin.server.on('upgrade', (_request: unknown, socket: Socket) => {
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello')
  })
  const { https: agent } = createHyperAgent({ tls: { ca: origin.ca } })
  const request = https.get(`${origin.origin}/`, { agent, headers: { connection: 'upgrade', upgrade: 'x' } })
  const [, socket, first] = (await once(request, 'upgrade')) as [unknown, Socket, Buffer]
  socket.destroy()
  assert.equal(String(first), 'hello')
  agent.destroy()
})
