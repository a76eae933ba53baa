/** Secrets of TLS go where they were meant to go: key logs, sessions given by the caller, and the names that are verified. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect } from 'node:tls'
import { Pool } from '../../src/index.ts'
import { runModule } from '../support/child.ts'
import { send } from '../support/exchange.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

describe('keyLog of one request', () => {
  for (const turn of ['first', 'second']) {
    test(`keyLog of one request gets the secrets of its own connection and of no other, when it is the ${turn}`, async () => {
      await using origin = await startH2Origin()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const randoms = new Set<string>()
      const keyLog = (line: Buffer): void => {
        randoms.add(line.toString().split(' ')[1])
      }
      const plain = { origin: origin.origin, path: '/json' }
      const logged = { ...plain, connect: { tls: { keyLog } } }
      const both = turn === 'first' ? [logged, plain] : [plain, logged]
      for (const { status } of await Promise.all(both.map((one) => send(pool, one)))) assert.equal(status, 200)
      assert.deepEqual([randoms.size, origin.connections], [1, 2])
    })
  }

  test('keyLog of one request hears nothing of connections that are made after it', async () => {
    await using origin = await startH1Origin({
      '/': (_call, answer) => {
        answer.head(200, { connection: 'close' })
        answer.end()
      },
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    let lines = 0
    const keyLog = (): void => {
      lines++
    }
    await send(pool, { origin: origin.origin, path: '/', connect: { tls: { keyLog } } })
    assert.ok(lines > 0)
    const mine = lines
    await send(pool, { origin: origin.origin, path: '/' })
    assert.equal(lines, mine)
    // A slow machine may try more than once to connect.
    assert.ok(origin.connections >= 2)
  })
})

test('a session that the caller gives is offered once', async () => {
  await using origin = await startH1Origin({
    '/': (_call, answer) => {
      answer.head(200, { connection: 'close' })
      answer.end()
    },
  })
  const session = await new Promise<Buffer>((resolve, reject) => {
    const { port, ca } = origin
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['http/1.1'] })
    socket.on('session', (one) => {
      resolve(one)
      socket.destroy()
    })
    socket.on('error', reject)
    socket.resume()
  })
  // Nothing else is offered.
  await using pool = new Pool({ tls: { ca: origin.ca, session, resume: false } })
  const resumed: (boolean | undefined)[] = []
  for (let i = 0; i < 3; i++) {
    resumed.push((await send(pool, { origin: origin.origin, path: '/' })).connection?.resumed)
  }
  assert.deepEqual(resumed, [true, false, false])
})

test('a polluted Object.prototype names no other server to verify', async () => {
  const script = `
      const { createServer } = await import('node:tls')
      const { once } = await import('node:events')
      const { Pool } = await import(root + 'src/index.ts')
      const { certificateFor } = await import(root + 'test/support/certificate.ts')
      const { send } = await import(root + 'test/support/exchange.ts')
      const { ca, cert, key } = await certificateFor('evil.example')
      let requests = 0
      const server = createServer({ cert, key }, (socket) => {
        socket.on('error', () => {})
        socket.on('data', () => {
          requests++
          socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')
        })
      })
      server.on('tlsClientError', () => {})
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const origin = 'https://localhost:' + server.address().port
      const heard = []
      for (const options of [{ tls: { ca } }, { tls: { ca, servername: undefined } }]) {
        const pool = new Pool(options)
        Object.prototype.servername = 'evil.example'
        heard.push(await send(pool, { origin, path: '/' }).then(({ status }) => status, (error) => error.systemCode))
        delete Object.prototype.servername
        await pool.destroy()
      }
      console.log(JSON.stringify({ heard, requests }))
      server.close()`
  const fault = 'ERR_TLS_CERT_ALTNAME_INVALID'
  assert.deepEqual(await runModule(script), { heard: [fault, fault], requests: 0 })
})
