/** What cannot work ends once, with a code, and a message that names the origin and the cause. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:net'
import { test } from 'node:test'
import { Pool } from '../../src/index.ts'
import { MAX_LOST_REPLAYS } from '../../src/limits.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { startH2Origin } from '../support/origin.ts'
import { freePort } from '../support/programs.ts'

/** A TCP server that does as it is told with each connection. */
async function tcpServer(
  onConnection: (socket: import('node:net').Socket) => void,
): Promise<{ server: Server; port: number } & AsyncDisposable> {
  const sockets = new Set<import('node:net').Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    server,
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a wrong origin, method, path, header or body is refused with a message that names it', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const good = { origin: origin.origin, path: '/json' }
  const cases: [object, RegExp][] = [
    [{ origin: 'not a url' }, /Invalid origin: "not a url"/],
    [{ origin: 'ftp://example.com' }, /Unsupported scheme "ftp:"/],
    [{ origin: 'https://user:secret@example.com' }, /may not contain credentials/],
    [{ method: 'GE T' }, /Invalid method: "GE T"/],
    [{ method: '' }, /Invalid method: ""/],
    [{ path: 'json' }, /must begin with "\/": "json"/],
    [{ path: '/a b' }, /Invalid character in path/],
    [{ path: '/a\r\nx: y' }, /Invalid character in path/],
    [{ headers: { 'x a': '1' } }, /Invalid header name: "x a"/],
    [{ headers: { ':path': '/' } }, /Invalid header name: ":path"/],
    [{ headers: { 'x-a': '1\r\nx-b: 2' } }, /value of header "x-a"/],
    [{ headers: { 'x-a': '\u{1f600}' } }, /value of header "x-a"/],
    [{ headers: { 'x-a': {} } }, /"x-a" is not text/],
    [{ headers: ['x-a'] }, /even number/],
    [{ headers: [['x-a']] }, /must be \[name, value\]/],
    [{ headers: 'x-a: 1' }, /cannot be made from a string/],
    [{ headers: { host: 'a b' } }, /Invalid host: "a b"/],
    [{ headers: { host: 'user@example.com' } }, /Invalid host/],
    [{ headers: { 'content-length': '+5' } }, /Invalid content-length: "\+5"/],
    [{ method: 'POST', body: 7 }, /cannot be made from \[object Number\]/],
    [{ method: 'POST', body: [7] }, /may yield text and bytes/],
    [{ method: 'POST', body: 'x', trailers: { 'content-length': '1' } }, /may not be sent as a trailer/],
    [{ method: 'POST', body: 'x', trailers: { ':x': '1' } }, /Invalid header name: ":x"/],
  ]
  for (const [change, message] of cases) {
    const { handler } = begin(pool, { ...good, ...change })
    const error = await rejection(handler.result)
    assert.match(error.message, message)
    assert.equal(error.code, 'ERR_HYPER_INVALID_ARGUMENT', error.message)
    assert.equal(handler.settlements, 1)
  }
  assert.equal((await send(pool, good)).status, 200)
})

test('wrong pool options are refused by name', () => {
  const cases: [object, RegExp][] = [
    [{ connections: 0 }, /connections must be a whole number from 1/],
    [{ connectTimeout: -1 }, /connectTimeout must be/],
    [{ headersTimeout: '5' }, /headersTimeout must be/],
    [{ h2c: 'yes' }, /h2c must be one of "prior-knowledge", "upgrade", not yes/],
    [{ family: 5 }, /family must be one of 0, 4, 6/],
    [{ lookup: 'dns' }, /lookup must be a function/],
    [{ tls: 'ca' }, /tls must be an object/],
    [{ socketPath: '' }, /socketPath must be text/],
    [{ connectionWindow: 1 }, /connectionWindow must be a whole number from 65535/],
  ]
  for (const [options, message] of cases)
    assert.throws(() => new Pool(options), { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
})

test('a refused connection is an error for every waiting request, once', async () => {
  await using pool = new Pool()
  const origin = `https://127.0.0.1:${await freePort()}`
  const all = Array.from({ length: 5 }, () => begin(pool, { origin, path: '/' }))
  for (const { handler } of all) {
    const error = await rejection(handler.result)
    assert.equal(error.code, 'ERR_HYPER_CONNECT')
    assert.equal('systemCode' in error && error.systemCode, 'ECONNREFUSED')
    assert.ok(error.message.includes(origin) && error.message.includes('ECONNREFUSED'), error.message)
    assert.equal(handler.settlements, 1)
  }
})

test('a name that is not found is an error with the name', async () => {
  await using pool = new Pool({
    lookup: (hostname, _options, callback) => {
      const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
      })
      callback(error, '')
    },
  })
  const error = await rejection(send(pool, { origin: 'https://nowhere.invalid', path: '/' }))
  assert.equal('systemCode' in error && error.systemCode, 'ENOTFOUND')
  assert.equal('phase' in error && error.phase, 'dns')
  assert.match(error.message, /https:\/\/nowhere\.invalid/)
})

test('a certificate that is not trusted is an error that names the origin', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool()
  const error = await rejection(send(pool, { origin: origin.origin, path: '/' }))
  assert.equal(error.code, 'ERR_HYPER_CONNECT')
  assert.equal('phase' in error && error.phase, 'tls')
  assert.match(String('systemCode' in error && error.systemCode), /CERT|SIGNATURE|ISSUER/)
  assert.ok(error.message.includes(origin.origin))
})

test('a certificate for another name is refused', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca, servername: 'other.example' } })
  const error = await rejection(send(pool, { origin: origin.origin, path: '/' }))
  assert.equal('systemCode' in error && error.systemCode, 'ERR_TLS_CERT_ALTNAME_INVALID')
})

test('a key that cannot be read is an error of the request, not of the process', async () => {
  await using pool = new Pool({ tls: { key: 'no key at all', cert: 'no certificate' } })
  const error = await rejection(send(pool, { origin: 'https://localhost:1', path: '/' }))
  assert.equal(error.code, 'ERR_HYPER_CONNECT')
})

test('a server that never answers the TLS handshake runs into the connect deadline', async () => {
  await using server = await tcpServer(() => {})
  await using pool = new Pool({ connectTimeout: 50 })
  const error = await rejection(send(pool, { origin: `https://localhost:${server.port}`, path: '/' }))
  assert.equal(error.code, 'ERR_HYPER_CONNECT_TIMEOUT')
  assert.ok(error.message.includes(String(server.port)))
})

test('a server that hangs up in the TLS handshake, or speaks no TLS', async () => {
  await using silent = await tcpServer((socket) => socket.end())
  await using chatty = await tcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
  await using pool = new Pool()
  for (const { port } of [silent, chatty]) {
    const error = await rejection(send(pool, { origin: `https://localhost:${port}`, path: '/' }))
    assert.equal(error.code, 'ERR_HYPER_CONNECT')
    assert.equal('phase' in error && error.phase, 'tls')
  }
})

test('a server that speaks no HTTP', async () => {
  await using server = await tcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
  await using pool = new Pool()
  const origin = `http://localhost:${server.port}`
  const h1 = await rejection(send(pool, { origin, path: '/', method: 'POST' }))
  assert.equal(h1.code, 'ERR_HYPER_PROTOCOL')
  const h2 = await rejection(send(pool, { origin, path: '/', method: 'POST', connect: { h2c: 'prior-knowledge' } }))
  assert.equal(h2.code, 'ERR_HYPER_PROTOCOL')
  for (const error of [h1, h2]) assert.ok(error.message.includes(origin), error.message)
})

test('a server that closes every connection is not asked for ever', async () => {
  let connections = 0
  await using server = await tcpServer((socket) => {
    connections++
    socket.once('data', () => socket.destroy())
  })
  await using pool = new Pool()
  const request = { origin: `http://localhost:${server.port}`, path: '/' }
  const h1 = await rejection(send(pool, request))
  assert.equal(h1.code, 'ERR_HYPER_CONNECTION_LOST')
  const h2 = await rejection(send(pool, { ...request, connect: { h2c: 'prior-knowledge' } }))
  assert.equal(h2.code, 'ERR_HYPER_CONNECTION_LOST')
  assert.equal(connections, 2 * (1 + MAX_LOST_REPLAYS))
})

test('an abort with a code that is none is refused, and the exchange goes on', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const { exchange, handler } = begin(pool, { origin: origin.origin, method: 'GET', path: '/json' })
  for (const code of [-1, 1.5, 2 ** 32, Number.NaN]) {
    assert.throws(() => exchange.abort('stop', code), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
  }
  assert.equal((await handler.result).status, 200)
})
