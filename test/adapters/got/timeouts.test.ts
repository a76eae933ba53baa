/** got's timeouts for the phases of a connection, and what it tells of them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import got, { type Got, TimeoutError } from 'got'
import { hyperGot } from '../../../adapters/got.ts'
import { type ExchangeHandler, Pool, type Transport } from '../../../src/index.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'

/** Accepts, and never says a word. */
async function startSilent(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function clientOf(pool: Transport): Got {
  return got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
}

async function timedOut(promise: Promise<unknown>): Promise<TimeoutError> {
  const outcome: unknown = await promise.then(
    () => 'an answer',
    (error: unknown) => error,
  )
  assert.ok(outcome instanceof TimeoutError, `not a TimeoutError: ${String(outcome)}`)
  return outcome
}

/** All of them long but one. */
function only(phase: string): Record<string, number> {
  return { lookup: 60_000, connect: 60_000, secureConnect: 60_000, send: 60_000, response: 60_000, [phase]: 30 }
}

test('timeout.lookup ends the lookup of a name for which no answer comes', async () => {
  await using pool = new Pool()
  const client = clientOf(pool)
  const error = await timedOut(
    client('https://nobody.example/', { timeout: only('lookup'), dnsLookup: () => {} } as object),
  )
  assert.equal(error.event, 'lookup')
  assert.equal(error.code, 'ETIMEDOUT')
  assert.equal(error.timings.lookup, undefined)
  await pool.destroy()
})

test('timeout.connect: an address that does not answer, from the end of the lookup', async () => {
  let aborted: unknown
  const transport: Transport = {
    dispatch(_request, handler: ExchangeHandler) {
      const timings = {
        start: Date.now(),
        lookup: undefined,
        connect: undefined,
        proxy: undefined,
        secureConnect: undefined,
      }
      process.nextTick(() => handler.onConnecting?.(timings))
      setImmediate(() => handler.onConnecting?.({ ...timings, lookup: Date.now() }))
      return {
        abort: (reason) => {
          aborted = reason
        },
        pause: () => {},
        resume: () => {},
        connection: undefined,
        timings: { created: 0, started: undefined, headers: undefined, end: undefined, attempts: 0 },
      }
    },
  }
  const error = await timedOut(clientOf(transport)('https://example.test/', { timeout: only('connect') }))
  assert.equal(error.event, 'connect')
  assert.equal(typeof error.timings.lookup, 'number')
  assert.equal(error.timings.connect, undefined)
  assert.ok(aborted instanceof Error)
})

for (const host of ['127.0.0.1', 'localhost']) {
  test(`timeout.secureConnect: ${host} accepts and does not answer TLS`, async () => {
    const server = await startSilent()
    const pool = new Pool()
    const error = await timedOut(
      clientOf(pool)(`https://${host}:${portOf(server)}/`, { timeout: only('secureConnect') }),
    )
    assert.equal(error.event, 'secureConnect')
    assert.equal(typeof error.timings.connect, 'number')
    assert.equal(error.timings.secureConnect, undefined)
    await pool.destroy()
    server.close()
  })
}

test('a request that joins a connection in the making has its own timeouts for the steps that are left', async () => {
  const server = await startSilent()
  const pool = new Pool()
  const client = clientOf(pool)
  const url = `https://localhost:${portOf(server)}/`
  const first = timedOut(client(url, { timeout: { secureConnect: 60 } }))
  await once(server, 'connection')
  const second = await timedOut(client(url, { timeout: { secureConnect: 20 } }))
  assert.equal(second.event, 'secureConnect')
  assert.equal((await first).event, 'secureConnect')
  await pool.destroy()
  server.close()
})

for (const start of [startH2Origin, startH1Origin]) {
  test(`timeout.send: a body of which nothing comes, over ${start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'}`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const body = new Readable({ read() {} })
    const error = await timedOut(clientOf(pool).post(`${origin.origin}/echo`, { body, timeout: only('send') }))
    assert.equal(error.event, 'send')
    await pool.destroy()
  })
}

test('timeout.send: a peer that takes nothing of a long body', async () => {
  const origin = await startH1Origin({ '/deaf': () => {} }, { plain: true })
  const pool = new Pool()
  const error = await timedOut(
    clientOf(pool).post(`${origin.origin}/deaf`, { body: Buffer.alloc(64 * 1024 * 1024), timeout: only('send') }),
  )
  assert.equal(error.event, 'send')
  await pool.destroy()
  await origin.close()
})

for (const [name, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${name}: timings give each time in order, and each phase`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const { timings } = await clientOf(pool).post(`${origin.origin}/echo`, { body: 'text' })
    assert.ok(timings)
    const { start: begun, socket, lookup, connect, secureConnect, upload, response, end, phases } = timings
    const times = [begun, socket, lookup, connect, secureConnect, upload, response, end]
    for (const [i, time] of times.entries()) assert.ok(typeof time === 'number', `${i}: ${time}`)
    assert.deepEqual(
      times,
      times.toSorted((a, b) => Number(a) - Number(b)),
    )
    for (const phase of ['wait', 'dns', 'tcp', 'tls', 'request', 'firstByte', 'download', 'total'] as const) {
      assert.ok(Number(phases[phase]) >= 0, `${phase}: ${phases[phase]}`)
    }
  })
}
