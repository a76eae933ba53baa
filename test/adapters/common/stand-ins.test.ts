/** What looks like an object of Node's is whole: its surface is enumerated, and streams go through the helpers of node:stream. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import http, { ClientRequest, IncomingMessage } from 'node:http'
import https from 'node:https'
import { Socket } from 'node:net'
import { finished, PassThrough, Readable } from 'node:stream'
import { finished as finishedLater, pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { TLSSocket } from 'node:tls'
import axios from 'axios'
import got from 'got'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { HyperRequestHandler } from '../../../adapters/aws.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { Pool } from '../../../src/index.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

/** Public members of a class of Node's, those of its bases included up to and without `until`. */
function surface(of: { prototype: object }, until: { prototype: object }): string[] {
  const names = new Set<string>()
  for (
    let one: object | null = of.prototype;
    one !== null && one !== until.prototype;
    one = Object.getPrototypeOf(one)
  ) {
    for (const name of Object.getOwnPropertyNames(one))
      if (!name.startsWith('_') && name !== 'constructor') names.add(name)
  }
  return [...names].sort()
}

function missing(value: object, names: readonly string[], left: readonly string[]): string[] {
  return names.filter((name) => !(name in value) && !left.includes(name))
}

/** What only a live TLS handshake, or a socket of the operating system's, can do. */
const LIVE = [
  'exportKeyingMaterial',
  'getFinished',
  'getPeerFinished',
  'getSharedSigalgs',
  'setKeyCert',
  'setServername',
  'setSession',
  'ssl',
  'connect',
  'resetAndDestroy',
  'getTypeOfService',
]

interface Bench extends AsyncDisposable {
  readonly origin: TestOrigin
  readonly pool: Pool
}

async function open(start: typeof startH1Origin | typeof startH2Origin): Promise<Bench> {
  const origin = await start({
    '*'(_call, answer) {
      answer.head(200, { 'x-a': '1', 'Content-Type': 'text/plain' })
      answer.end('hello')
    },
  })
  const pool = new Pool({ tls: { ca: origin.ca } })
  return {
    origin,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.destroy()
      await origin.close()
    },
  }
}

/** The helpers of node:stream: each gets the body of a stream. */
const HELPERS: Readonly<Record<string, (stream: Readable) => Promise<string>>> = {
  'Readable.toWeb': async (stream) => new Response(Readable.toWeb(stream) as ReadableStream).text(),
  'finished with cleanup': async (stream) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    await finishedLater(stream, { cleanup: true })
    return Buffer.concat(chunks).toString()
  },
  'finished, taken back': async (stream) => {
    finished(stream, () => {})()
    return (await stream.toArray()).join('')
  },
  pipeline: async (stream) => {
    const through = new PassThrough()
    await pipeline(stream, through)
    return String(through.read())
  },
  iteration: async (stream) => {
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    return text
  },
  'iteration that leaves the stream alone': async (stream) => {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) return String(chunk)
    return ''
  },
  toArray: async (stream) => (await stream.toArray()).join(''),
  map: async (stream) => (await stream.map((chunk) => String(chunk)).toArray()).join(''),
  compose: async (stream) => (await stream.compose(new PassThrough()).toArray()).join(''),
  pipe: async (stream) => (await stream.pipe(new PassThrough()).toArray()).join(''),
}

for (const [protocol, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${protocol}: response streams of each shim go through the helpers of node:stream`, async () => {
    await using bench = await open(start)
    const { origin, pool } = bench
    const url = `${origin.origin}/`
    const adapter = createHyperAdapter({ pool })
    const agents = createHyperAgent({ pool })
    const handler = new HyperRequestHandler({ pool })
    const streams: Readonly<Record<string, () => Promise<Readable>>> = {
      axios: async () => (await axios.get<Readable>(url, { adapter, responseType: 'stream' })).data,
      got: async () => {
        const stream = got.stream(url, hyperGot({ pool }))
        await once(stream, 'response')
        return stream
      },
      agent: async () => {
        const [message] = (await once(https.get(url, { agent: agents.https }), 'response')) as [IncomingMessage]
        return message
      },
      aws: async () => {
        const request = { method: 'GET', protocol: 'https:', hostname: 'localhost', path: '/', headers: {} }
        return (await handler.handle({ ...request, port: origin.port })).response.body
      },
    }
    for (const [name, make] of Object.entries(streams)) {
      for (const [helper, use] of Object.entries(HELPERS)) {
        // got's stream is a Duplex of its own, which these take for one that is still to be written.
        if (name === 'got' && /finished|pipeline/.test(helper)) continue
        assert.equal(await use(await make()), 'hello', `${name}, ${helper}`)
      }
    }
  })

  test(`${protocol}: sockets of axios, got and the agent have what sockets of Node's have, certificates included`, async () => {
    await using bench = await open(start)
    const { origin, pool } = bench
    const url = `${origin.origin}/`
    const { request } = await axios.get(url, { adapter: createHyperAdapter({ pool }) })
    const response = await got(url, hyperGot({ pool }))
    const [message] = (await once(https.get(url, { agent: createHyperAgent({ pool }).https }), 'response')) as [
      IncomingMessage,
    ]
    message.resume()
    for (const [name, socket] of Object.entries({
      axios: request.socket,
      got: response.socket,
      agent: message.socket,
    })) {
      // A stream's own members belong to what carries octets.
      const names = [...surface(TLSSocket, Socket), ...Object.getOwnPropertyNames(Socket.prototype)].filter(
        (one) => !one.startsWith('_') && one !== 'constructor',
      )
      assert.deepEqual(missing(socket, names, [...LIVE, 'read']), [], name)
      const tls = socket as unknown as TLSSocket
      assert.equal(tls.encrypted, true)
      assert.equal(tls.authorized, true)
      assert.equal(tls.getPeerCertificate().subject.CN !== undefined, true, name)
      assert.equal(tls.getPeerX509Certificate()?.checkHost('localhost'), 'localhost')
      assert.match(String(tls.getProtocol()), /^TLSv1\.[23]$/)
      assert.equal(typeof tls.getCipher().name, 'string')
      assert.equal(typeof tls.isSessionReused(), 'boolean')
      assert.equal(tls.alpnProtocol, protocol === 'HTTP/2' ? 'h2' : 'http/1.1')
      assert.equal(tls.remotePort, origin.port)
      assert.equal(typeof (tls.address() as { port: number }).port, 'number')
    }
  })

  test(`${protocol}: a request and a response of axios, and a message of its stream, have what those of node:http have`, async () => {
    await using bench = await open(start)
    const { origin, pool } = bench
    const adapter = createHyperAdapter({ pool })
    const { request, data } = await axios.get(`${origin.origin}/`, { adapter, responseType: 'stream' })
    // What writes: the request is sent by now.
    const writes = ['write', 'end', 'pipe', 'cork', 'uncork', 'setHeader', 'setHeaders', 'appendHeader', 'removeHeader']
    const streams = ['addTrailers', 'writableCorked', 'writableHighWaterMark', 'writableLength', 'writableNeedDrain']
    const more = ['writableObjectMode', 'errored', 'closed', 'writable', 'onSocket', 'clearTimeout']
    assert.deepEqual(missing(request, surface(ClientRequest, EventEmitter), [...writes, ...streams, ...more]), [])
    assert.deepEqual(
      missing(
        request.res,
        Object.getOwnPropertyNames(IncomingMessage.prototype).filter((one) => !one.startsWith('_')),
        ['setTimeout', 'signal'],
      ),
      [],
    )
    assert.deepEqual(missing(data, surface(IncomingMessage, Readable), ['setTimeout', 'signal']), [])
    assert.equal(data.statusCode, 200)
    assert.equal(data.req, request)
    // The older name of `socket`, which is no property of the class; the request stands on it.
    assert.deepEqual([data.client.remotePort, data.client._httpMessage], [origin.port, request])
    assert.equal(request.res.client.remotePort, origin.port)
    const { client, socket } = (await got(`${origin.origin}/`, hyperGot({ pool }))) as unknown as IncomingMessage & {
      client: Socket
    }
    assert.equal(client, socket)
    assert.deepEqual(request.getRawHeaderNames().includes('User-Agent'), true)
    const raw: string[] = request.res.rawHeaders
    assert.equal(raw.includes('Content-Type'), protocol === 'HTTP/1.1')
    data.resume()
    await once(data, 'end')
    assert.equal(request.res.readableEnded, true)
  })
}

test('agents are instances of the classes of Node, for http and https, and their own class makes another', async () => {
  const agents = createHyperAgent({ idleTimeout: 1000 })
  assert.ok(agents.http instanceof http.Agent)
  assert.ok(agents.https instanceof https.Agent)
  assert.equal(agents.http instanceof https.Agent, false)
  assert.equal(Reflect.get(agents.https, 'protocol'), 'https:')
  const Made = agents.http.constructor as new () => http.Agent
  await using origin = await startH1Origin({ '*': (_call, answer) => answer.end('ok') }, { plain: true })
  const before = http.globalAgent
  http.globalAgent = agents.http
  try {
    for (const agent of [undefined, false, new Made()] as const) {
      const options = agent === undefined ? {} : { agent }
      const [message] = (await once(http.get(`${origin.origin}/`, options), 'response')) as [IncomingMessage]
      assert.equal((await message.toArray()).join(''), 'ok')
    }
  } finally {
    http.globalAgent = before
    agents.http.destroy()
  }
})
