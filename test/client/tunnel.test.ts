/** CONNECT and extended CONNECT as Duplex, over real sockets, against node:http2. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { connect, createServer, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { openTunnel, Pool } from '../../src/index.ts'
import { connectRequest, readConnectResponse, WSConnection } from '../../src/websocket/index.ts'
import { rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

async function echoServer(): Promise<{ port: number; server: Server } & AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return {
    port: address.port,
    server,
    [Symbol.asyncDispose]: async () => {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** An HTTP/2 proxy. */
function startProxy(): ReturnType<typeof startH2Origin> {
  return startH2Origin((stream, headers) => {
    if (headers[':method'] !== 'CONNECT') {
      stream.respond({ ':status': 200 })
      stream.end('no tunnel')
      return
    }
    const [host, port] = String(headers[':authority']).split(':')
    if (host !== '127.0.0.1') {
      stream.respond({ ':status': 403, 'x-why': 'loopback only' })
      stream.end('no')
      return
    }
    const socket = connect({ host, port: Number(port), allowHalfOpen: true }, () => {
      stream.respond({ ':status': 200 })
      socket.pipe(stream)
      stream.pipe(socket)
    })
    socket.on('error', () => stream.close(http2.constants.NGHTTP2_CONNECT_ERROR))
    stream.on('close', () => socket.destroy())
  })
}

describe('CONNECT', () => {
  test('opens a tunnel that carries octets both ways, beside other requests on the connection', async () => {
    await using echo = await echoServer()
    await using proxy = await startProxy()
    await using pool = new Pool({ tls: { ca: proxy.ca } })
    const tunnel = await openTunnel(pool, { origin: proxy.origin, path: `127.0.0.1:${echo.port}` })
    assert.equal(tunnel.status, 200)
    const big = Buffer.alloc(3 << 20, 'octets ')
    tunnel.end(big)
    assert.equal((await send(pool, { origin: proxy.origin, path: '/' })).body.toString(), 'no tunnel')
    const chunks: Buffer[] = []
    for await (const chunk of tunnel) chunks.push(chunk)
    assert.ok(Buffer.concat(chunks).equals(big))
    assert.equal(proxy.connections, 1)
  })

  test('each direction ends by itself: what the other end says after its own end is still sent', async () => {
    let heard: Promise<string> = Promise.resolve('')
    await using proxy = await startH2Origin((stream) => {
      stream.respond({ ':status': 200 })
      stream.end('bye')
      heard = text(stream)
    })
    await using pool = new Pool({ tls: { ca: proxy.ca } })
    const tunnel = await openTunnel(pool, { origin: proxy.origin, path: '127.0.0.1:1' })
    assert.equal(await text(tunnel), 'bye')
    tunnel.write('not ')
    tunnel.end('yet')
    await once(tunnel, 'finish')
    assert.equal(await heard, 'not yet')
  })

  test('one that the server refuses is an error with its status and fields', async () => {
    await using proxy = await startProxy()
    await using pool = new Pool({ tls: { ca: proxy.ca } })
    const error = await rejection(openTunnel(pool, { origin: proxy.origin, path: 'example.com:443' }))
    assert.equal(error.code, 'ERR_HYPER_TUNNEL_REFUSED')
    assert.equal('status' in error && error.status, 403)
    assert.ok('headers' in error && Array.isArray(error.headers) && error.headers.includes('loopback only'))
  })

  test('a CONNECT target that is not host:port is refused before anything is sent', async () => {
    await using proxy = await startProxy()
    await using pool = new Pool({ tls: { ca: proxy.ca } })
    const error = await rejection(openTunnel(pool, { origin: proxy.origin, path: 'example.com' }))
    assert.equal(error.code, 'ERR_HYPER_INVALID_ARGUMENT')
  })

  test('destroying it resets the stream', async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, id) => connection.headers(id, [':status', '200']),
    })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const tunnel = await openTunnel(pool, { origin: server.origin, path: 'example.com:443' })
    tunnel.on('error', () => {})
    tunnel.destroy(new Error('enough'))
    await server.until(() => server.connections[0].count('RST_STREAM') === 1)
  })

  test('destroying it after the other end has finished resets it as well', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, id) {
        connection.headers(id, [':status', '200'])
        connection.data(id, 'bye', true)
      },
    })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const tunnel = await openTunnel(pool, { origin: server.origin, path: 'example.com:443' })
    assert.equal(await text(tunnel), 'bye')
    assert.equal(server.connections[0].count('RST_STREAM'), 0)
    tunnel.destroy()
    await server.until(() => server.connections[0].count('RST_STREAM') === 1)
  })

  test('a reset by the server is an error of the tunnel', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, id) {
        connection.headers(id, [':status', '200'])
        connection.reset(id, http2.constants.NGHTTP2_CONNECT_ERROR)
      },
    })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const tunnel = await openTunnel(pool, { origin: server.origin, path: 'example.com:443' })
    const [error] = await once(tunnel, 'error')
    assert.equal(error.code, 'ERR_HYPER_STREAM_RESET')
  })

  test('a tunnel that nobody reads buffers no more than its window', async () => {
    // Far more than a Duplex holds by itself.
    const window = 1 << 20
    await using server = await FrameServer.start({
      onRequest(connection, id, fields) {
        if (fields.includes('GET')) return connection.respond(id, 'sibling')
        connection.headers(id, [':status', '200'])
        for (let sent = 0; sent < window; sent += 16_384) connection.data(id, Buffer.alloc(16_384))
      },
    })
    await using pool = new Pool({ h2c: 'prior-knowledge', streamWindow: window })
    const tunnel = await openTunnel(pool, { origin: server.origin, path: 'example.com:443' })
    // Their answers come behind all of that data, and their requests behind what it led to.
    for (let i = 0; i < 2; i++) await send(pool, { origin: server.origin, path: '/' })
    const granted = (): number =>
      server.connections[0].frames.filter((one) => one.type === 'WINDOW_UPDATE' && one.streamId === 1).length
    assert.equal(granted(), 0)
    tunnel.on('data', () => {})
    await server.until(() => granted() > 0)
    tunnel.on('error', () => {})
    tunnel.destroy()
  })

  test('over HTTP/1.1 it is not supported, and says so', async () => {
    await using origin = await startH1Origin()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const error = await rejection(openTunnel(pool, { origin: origin.origin, path: 'example.com:443' }))
    assert.equal(error.code, 'ERR_HYPER_NOT_SUPPORTED')
  })
})

describe('extended CONNECT', () => {
  test('waits for the settings that allow it', async () => {
    await using server = await FrameServer.start({
      greet: false,
      onRequest: (connection, id) => connection.headers(id, [':status', '200']),
    })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const opening = openTunnel(pool, { origin: server.origin, path: '/chat', protocol: 'websocket' })
    await server.until(() => (server.connections[0]?.count('SETTINGS') ?? 0) === 1)
    assert.equal(server.connections[0].streams.length, 0)
    server.connections[0].settings([[8, 1]])
    const tunnel = await opening
    assert.equal(tunnel.status, 200)
    tunnel.on('error', () => {})
    tunnel.destroy()
  })

  test('a server that does not allow it is not asked: the error says why', async () => {
    await using server = await FrameServer.start()
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const error = await rejection(openTunnel(pool, { origin: server.origin, path: '/chat', protocol: 'websocket' }))
    assert.equal(error.code, 'ERR_HYPER_NOT_SUPPORTED')
    assert.match(error.message, /RFC 8441/)
    assert.equal(server.connections[0].streams.length, 0)
  })

  test('carries WebSocket over the pooled connection', async () => {
    await using origin = await startH2Origin(
      (stream, headers) => {
        assert.equal(headers[':protocol'], 'websocket')
        const server = new WSConnection({ role: 'server', agreement: { subprotocol: undefined, deflate: null } })
        stream.respond({ ':status': 200 })
        stream.on('data', (chunk: Buffer) => {
          server.receive(chunk)
          for (const event of server.events()) {
            if (event.type === 'text') stream.write(server.send({ type: 'text', data: `echo ${event.data}` }))
          }
          if (server.hasOutgoing) stream.write(server.takeOutgoing())
          if (server.state === 'closed') stream.end()
        })
      },
      { server: { settings: { enableConnectProtocol: true } } },
    )
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { section, offer } = connectRequest({ authority: origin.origin.slice(8), path: '/chat' })
    const fields: string[] = []
    for (let i = 0; i < section.length; i += 2) if (!section[i].startsWith(':')) fields.push(section[i], section[i + 1])
    const tunnel = await openTunnel(pool, {
      origin: origin.origin,
      path: '/chat',
      protocol: 'websocket',
      headers: fields,
    })
    const response = readConnectResponse(offer, tunnel.status, tunnel.headers)
    assert.ok(response.type === 'accept')
    const client = new WSConnection({ role: 'client', agreement: response.agreement })
    tunnel.write(client.send({ type: 'text', data: 'hello' }))
    const heard: string[] = []
    for await (const chunk of tunnel) {
      client.receive(chunk)
      for (const event of client.events()) {
        if (event.type !== 'text') continue
        heard.push(event.data)
        tunnel.write(client.send({ type: 'close', code: 1000 }))
      }
    }
    tunnel.end()
    assert.deepEqual(heard, ['echo hello'])
  })
})
