/** An HTTP/2 connection to a proxy that nobody answers on any more. */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectOptions, Pool } from '../../src/index.ts'
import { PROBE_AFTER } from '../../src/limits.ts'
import { testCertificate } from '../support/certificate.ts'
import { send } from '../support/exchange.ts'
import { HostileServer } from '../support/hostile-server.ts'
import { startH2Origin } from '../support/origin.ts'
import { startProxy, type TestProxy } from '../support/proxy.ts'
import { Dialler } from './dialler.ts'

const { ca } = await testCertificate()

/** Stands before a proxy, and can let what goes through it vanish, as a network does that has lost its way. */
class Relay implements AsyncDisposable {
  connections = 0
  private readonly server = createServer((socket) => this.take(socket))
  private readonly sockets = new Set<Socket>()
  private readonly target: number

  private constructor(target: number) {
    this.target = target
  }

  static async before(proxy: TestProxy): Promise<Relay> {
    const relay = new Relay(proxy.port)
    await new Promise<void>((resolve) => relay.server.listen(0, '127.0.0.1', resolve))
    return relay
  }

  get options(): ConnectOptions {
    const { port } = this.server.address() as AddressInfo
    return { tls: { ca }, proxy: { url: `https://localhost:${port}`, tls: { ca } } }
  }

  /** Nothing goes through the connections of now any more; those that come later are sound. */
  lose(): void {
    for (const socket of this.sockets) socket.unpipe().pause()
  }

  private take(socket: Socket): void {
    this.connections++
    const onward = connect(this.target, '127.0.0.1')
    for (const one of [socket, onward]) {
      this.sockets.add(one)
      one.on('error', () => {})
    }
    socket.pipe(onward).pipe(socket)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

test('a tunnel that a silent proxy does not open is opened through a new connection to it', async () => {
  await using origin = await startH2Origin()
  await using proxy = await startProxy({ kind: 'h2' })
  await using relay = await Relay.before(proxy)
  using dialler = new Dialler()
  const first = await dialler.dial(origin.origin, relay.options)
  relay.lose()
  await sleep(PROBE_AFTER)
  const second = dialler.begin(origin.origin, relay.options)
  const { info } = await second.result
  assert.equal(info.protocol, 'h2')
  assert.deepEqual(
    second.steps.flatMap((step) => (step.step === 'proxy' ? [step.shared] : [])),
    [false],
  )
  assert.equal(relay.connections, 2)
  // What the silent connection carries lives on for a while, and ends with it.
  assert.equal(first.socket.destroyed, false)
  first.socket.destroy()
})

test('a pool whose proxy has gone silent sends its requests through a new connection', async () => {
  await using origin = await startH2Origin()
  await using proxy = await startProxy({ kind: 'h2' })
  await using relay = await Relay.before(proxy)
  await using pool = new Pool({ ...relay.options, verifyAfter: 100, pingTimeout: 200 })
  assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
  relay.lose()
  await sleep(PROBE_AFTER)
  assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
  assert.equal(relay.connections, 2)
})

test('a proxy that answers is asked for no sign of life by tunnels that follow each other', async () => {
  const frames: string[] = []
  await using proxy = await HostileServer.start({
    alpn: ['h2'],
    onFrame: (_connection, frame) => frames.push(frame.type),
    onRequest: (connection, id) => connection.headers(id, [':status', '200']),
  })
  using dialler = new Dialler()
  const options = { proxy: { url: proxy.origin, tls: { ca: proxy.ca }, tunnel: true } }
  for (let i = 0; i < 3; i++) await dialler.dial('http://localhost:1', options)
  assert.equal(proxy.connections.length, 1)
  assert.equal(frames.includes('PING'), false)
})
