/** What is only remembered of the way to a peer, and has become wrong. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type LookupFunction, type Server, Socket } from 'node:net'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { testCertificate } from '../support/certificate.ts'
import { startH2Origin } from '../support/origin.ts'
import { Dialler, errorOf, until } from './dialler.ts'

const { ca } = await testCertificate()

/** A resolver of the system's whose answer for every name is set by the test. */
class Names {
  addresses: string[] = ['127.0.0.1']
  asked = 0
  /** Questions that are not answered, from the next one on. */
  silent = 0
  readonly lookup: LookupFunction = (_host, _options, callback) => {
    this.asked++
    if (this.silent > 0) {
      this.silent--
      return
    }
    const found = this.addresses.map((address) => ({ address, family: 4 }))
    process.nextTick(() => callback(null, found))
  }
}

async function listen(server: Server, host: string, port = 0): Promise<number> {
  server.listen(port, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A server that ends each connection with an alert of TLS, as one that cannot serve the handshake. */
function refusing(heard: (socket: Socket) => void = () => {}): Server {
  return createServer((socket) => {
    socket.on('error', () => {})
    heard(socket)
    socket.once('data', () => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 40])))
  })
}

/** Does this ClientHello offer a session: a ticket of TLS 1.2 or a pre-shared key of TLS 1.3? */
function offersSession(hello: Buffer): boolean {
  let at = 5 + 4 + 2 + 32
  at += 1 + hello[at]
  at += 2 + hello.readUInt16BE(at)
  at += 1 + hello[at]
  const end = at + 2 + hello.readUInt16BE(at)
  for (at += 2; at < end; at += 4 + hello.readUInt16BE(at + 2)) {
    const type = hello.readUInt16BE(at)
    if ((type === 35 && hello.readUInt16BE(at + 2) > 0) || type === 41) return true
  }
  return false
}

/** Stands before a server and does something else with connections that offer a session. */
async function startFront(target: number, other: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (hello) => {
      if (offersSession(hello)) {
        other(socket)
        return
      }
      const onward = connect(target, '127.0.0.1')
      onward.on('error', () => socket.destroy())
      onward.write(hello)
      socket.pipe(onward).pipe(socket)
    })
  })
  return { server, port: await listen(server, '127.0.0.1') }
}

/** Connects and waits until a session is there to be resumed. */
async function meet(dialler: Dialler, origin: string): Promise<void> {
  const { socket } = await dialler.dial(origin, { tls: { ca } })
  const tls = socket as TLSSocket
  let sessions = 0
  tls.on('session', () => sessions++)
  socket.resume()
  if (tls.getProtocol() === 'TLSv1.3') await until(() => sessions >= 2)
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const server = { minVersion: version, maxVersion: version }

  test(`a session that the server does not take costs a handshake and no dial (${version})`, async () => {
    await using origin = await startH2Origin({}, { server })
    const front = await startFront(origin.port, (socket) => socket.destroy())
    using dialler = new Dialler()
    const url = `https://localhost:${front.port}`
    await meet(dialler, url)
    const { info } = await dialler.dial(url, { tls: { ca } })
    assert.equal(info.resumed, false)
    // The one that offered it, and the one that did not: the others of its kind are not tried.
    assert.equal(dialler.sockets.length, 3)
    front.server.close()
  })

  test(`a handshake that hangs since it offered a session leaves time for one without (${version})`, async () => {
    await using origin = await startH2Origin({}, { server })
    const front = await startFront(origin.port, () => {})
    using dialler = new Dialler({ connectTimeout: 1000 })
    const url = `https://localhost:${front.port}`
    await meet(dialler, url)
    const { info } = await dialler.dial(url, { tls: { ca } })
    assert.equal(info.resumed, false)
    front.server.close()
  })
}

test('a handshake that fails without a session is tried once', async () => {
  let connections = 0
  const server = refusing(() => connections++)
  const port = await listen(server, '127.0.0.1')
  using dialler = new Dialler()
  assert.equal((await dialler.failure(`https://127.0.0.1:${port}`)).phase, 'tls')
  assert.equal(connections, 1)
  server.close()
})

test('a name that has moved is looked up once more when no server is at its old address', async () => {
  const names = new Names()
  using dialler = new Dialler({}, { lookup: names.lookup })
  const first = createServer((socket) => socket.on('error', () => {}))
  const port = await listen(first, '127.0.0.1')
  const url = `http://service.test:${port}`
  const { socket } = await dialler.dial(url)
  socket.destroy()
  first.close()
  const second = createServer((one) => one.on('error', () => {}))
  await listen(second, '127.0.0.2', port)
  names.addresses = ['127.0.0.2']
  const all = await Promise.all(Array.from({ length: 5 }, () => dialler.dial(url)))
  assert.deepEqual(new Set(all.map(({ info }) => info.remoteAddress)), new Set(['127.0.0.2']))
  assert.equal(names.asked, 2)
  second.close()
})

test('a name that has moved is looked up once more when somebody else is at its old address', async () => {
  const names = new Names()
  await using origin = await startH2Origin({}, { host: '127.0.0.1' })
  const other = refusing()
  await listen(other, '127.0.0.2', origin.port)
  using dialler = new Dialler({}, { lookup: names.lookup })
  const url = `https://localhost:${origin.port}`
  names.addresses = ['127.0.0.2']
  assert.equal((await dialler.failure(url, { tls: { ca } })).phase, 'tls')
  names.addresses = ['127.0.0.1']
  const attempt = dialler.begin(url, { tls: { ca } })
  assert.equal((await attempt.result).info.remoteAddress, '127.0.0.1')
  assert.deepEqual(
    attempt.steps.flatMap((step) => (step.step === 'lookup' ? [step.cached] : [])),
    [true, false],
  )
  other.close()
})

test('a remembered address that does not answer is not waited for: the name is looked up beside it', async () => {
  const names = new Names()
  const server = createServer((socket) => socket.on('error', () => {}))
  const port = await listen(server, '127.0.0.1')
  let lost = false
  using dialler = new Dialler(
    { connectTimeout: 3000 },
    {
      lookup: names.lookup,
      connect: (options) => (lost && options.host === '127.0.0.1' ? new Socket() : connect(options)),
    },
  )
  await dialler.dial(`http://service.test:${port}`)
  lost = true
  server.close()
  const second = createServer((socket) => socket.on('error', () => {}))
  await listen(second, '127.0.0.2', port)
  names.addresses = ['127.0.0.2']
  const { info } = await dialler.dial(`http://service.test:${port}`)
  assert.equal(info.remoteAddress, '127.0.0.2')
  second.close()
})

test('when a second lookup gives the same addresses the first failure is reported, and no address is tried twice', async () => {
  const names = new Names()
  const server = createServer((socket) => socket.on('error', () => {}))
  const port = await listen(server, '127.0.0.1')
  using dialler = new Dialler({}, { lookup: names.lookup })
  const { socket } = await dialler.dial(`http://service.test:${port}`)
  socket.destroy()
  server.close()
  const failed = dialler.begin(`http://service.test:${port}`)
  const error = await errorOf(failed)
  assert.equal(error.phase, 'tcp')
  assert.match(error.message, /ECONNREFUSED/)
  assert.equal(names.asked, 2)
  assert.equal(dialler.sockets.length, 2)
})

test('where TLS fails at the first of several addresses, the next is tried, and if all fail the error is that of the first', async () => {
  const names = new Names()
  names.addresses = ['127.0.0.2', '127.0.0.1']
  await using origin = await startH2Origin({}, { host: '127.0.0.1' })
  let connections = 0
  const bad = refusing(() => connections++)
  await listen(bad, '127.0.0.2', origin.port)
  using dialler = new Dialler({}, { lookup: names.lookup })
  const { info } = await dialler.dial(`https://localhost:${origin.port}`, { tls: { ca } })
  assert.equal(info.remoteAddress, '127.0.0.1')
  assert.deepEqual([connections, names.asked], [1, 1])
  await origin.close()
  using again = new Dialler({}, { lookup: names.lookup })
  assert.equal((await again.failure(`https://localhost:${origin.port}`, { tls: { ca } })).phase, 'tls')
  assert.equal(connections, 2)
  bad.close()
})

test('a lookup that hangs is repeated in parallel, and later requests do not wait for it', async () => {
  const names = new Names()
  names.silent = 1
  const server = createServer((socket) => socket.on('error', () => {}))
  const port = await listen(server, '127.0.0.1')
  using dialler = new Dialler({ connectTimeout: 3000 }, { lookup: names.lookup })
  await Promise.all([dialler.dial(`http://service.test:${port}`), dialler.dial(`http://service.test:${port}`)])
  assert.equal(names.asked, 2)
  names.silent = 1
  using hasty = new Dialler({ connectTimeout: 50 }, { lookup: names.lookup })
  assert.equal((await hasty.failure(`http://service.test:${port}`)).code, 'ERR_HYPER_CONNECT_TIMEOUT')
  // Nobody waits for the first one any more: it is joined by nobody.
  await hasty.dial(`http://service.test:${port}`)
  server.close()
})
