/**
 * Torture: each scenario is run again and again, and each time the Nth connect, lookup, write, read or callback fails, for
 * every N. Whatever fails: every exchange settles once, what is complete is right, what nobody caught is only what is
 * documented (a handler that throws when it is told the end), and no connection, socket or timer is left.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { ErrorCode } from '../../src/frame/index.ts'
import { type Exchange, type ExchangeHandler, type FieldList, Pool, type PoolOptions } from '../../src/index.ts'
import { FAULTS, type Fault, FaultPoints, InjectedError } from '../support/fault-points.ts'
import { withResolvers } from '../support/hostile-ledger.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'

const { REFUSED_STREAM } = ErrorCode

/** More points than any scenario has: it would never end. */
const MOST_POINTS = 400
/** Milliseconds for one run: none takes long, but the machine may be busy. */
const PATIENCE = 3_000

/** One exchange of a run. */
class Watched implements ExchangeHandler {
  settlements = 0
  error: Error | undefined
  status = 0
  body = ''
  trailers: FieldList = []
  exchange: Exchange | undefined
  /** Called after each step. */
  onStep: (step: string) => void = () => {}
  readonly settled: Promise<void>
  /** Throws of the last callback surface. */
  threwAtEnd = false
  private settle: () => void = () => {}
  private readonly points: FaultPoints

  constructor(points: FaultPoints) {
    this.points = points
    this.settled = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  onConnected(): void {
    this.step('connected')
  }
  onInformational(): void {
    this.step('informational')
  }
  onHeaders(status: number): void {
    this.status = status
    this.step('headers')
  }
  onData(chunk: Buffer): void {
    this.body += chunk.toString('latin1')
    this.step('data')
  }
  onBodySent(): void {
    this.step('body sent')
  }
  onRequestSent(): void {
    this.step('request sent')
  }
  onEnd(trailers: FieldList): void {
    this.trailers = trailers
    this.finish('end')
  }
  onError(error: Error): void {
    this.error = error
    this.finish('error')
  }

  private finish(step: string): void {
    this.settlements++
    this.settle()
    this.threwAtEnd = true
    this.step(step)
    this.threwAtEnd = false
  }

  private step(step: string): void {
    this.points.pass(() => this.onStep(step))
  }
}

interface Run {
  readonly points: FaultPoints
  readonly pool: Pool
  readonly origin: string
  readonly signal: AbortSignal
  /** Dispatches; what it has when it ends well is checked at the end. */
  ask(request: Asked, wanted?: Wanted): Watched
}

interface Asked {
  path: string
  method?: string
  body?: ConstructorParameters<typeof String>[0] | AsyncIterable<Buffer>
  trailers?: () => Record<string, string>
}

interface Wanted {
  body?: string
  trailers?: FieldList
}

interface Scenario {
  readonly start: () => Promise<TestOrigin>
  /** Faults that it is not put to. */
  readonly but?: readonly Fault[]
  readonly options?: PoolOptions
  run(run: Run): Promise<void>
}

/** So often a server of a run refuses what it is asked. */
let failures = 0

const routes: Routes = {
  '/refuse'(_call, answer) {
    if (failures-- > 0) return answer.reset(REFUSED_STREAM)
    answer.head(200)
    answer.end('taken')
  },
  async '/upload'(call, answer) {
    let octets = 0
    try {
      for await (const chunk of call.body) octets += (chunk as Buffer).length
    } catch {
      // It was cut: that is what happens here.
      return
    }
    answer.head(200)
    answer.end(String(octets))
  },
  '/hello': (_call, answer) => {
    answer.head(200)
    answer.end('hello')
  },
}

const plainH2 = (): Promise<TestOrigin> => startH2Origin(routes, { plain: true })
const H2C: PoolOptions = { h2c: 'prior-knowledge' }

/** A body in three pieces, each a point. */
async function* upload(points: FaultPoints): AsyncGenerator<Buffer> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    yield points.pass(() => Buffer.alloc(20_000, 0x61 + i))
  }
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  GET: {
    start: plainH2,
    options: H2C,
    async run({ ask }) {
      await ask({ path: '/hello' }, { body: 'hello' }).settled
      await ask({ path: '/hello' }, { body: 'hello' }).settled
    },
  },
  'POST, streamed, with trailers': {
    start: plainH2,
    options: H2C,
    async run({ ask, points }) {
      const trailers = (): Record<string, string> => points.pass(() => ({ 'x-sum': '1' }))
      await ask({ path: '/upload', method: 'POST', body: upload(points), trailers }, { body: '60000' }).settled
    },
  },
  'five at once': {
    start: plainH2,
    options: H2C,
    async run({ ask }) {
      const all = [1, 2, 3, 4, 5].map((i) =>
        ask({ path: i === 3 ? '/103' : '/hello' }, { body: i === 3 ? 'after hints' : 'hello' }),
      )
      await Promise.all(all.map((one) => one.settled))
    },
  },
  'a response with trailers': {
    start: plainH2,
    options: H2C,
    async run({ ask }) {
      await ask({ path: '/trailers' }, { body: 'hello', trailers: ['x-checksum', 'abc', 'x-second', '2'] }).settled
    },
  },
  'a cancel on the way, beside another request': {
    start: plainH2,
    options: H2C,
    async run({ ask }) {
      const cancelled = ask({ path: '/slow-body' })
      cancelled.onStep = (step) => {
        if (step === 'data') cancelled.exchange?.abort(new InjectedError('cancelled'))
      }
      const beside = ask({ path: '/hello' }, { body: 'hello' })
      await beside.settled
      await cancelled.settled
    },
  },
  'pause and resume': {
    start: plainH2,
    options: H2C,
    async run({ ask }) {
      const paused = ask({ path: '/bytes/100000' })
      paused.onStep = (step) => {
        if (step !== 'headers') return
        paused.exchange?.pause()
        setImmediate(() => paused.exchange?.resume())
      }
      await paused.settled
      if (paused.error === undefined) assert.equal(paused.body.length, 100_000)
    },
  },
  'GOAWAY, and again on another connection': {
    start: () =>
      startH2Origin(
        (stream) => {
          if (failures-- > 0) {
            stream.session?.goaway(0, 0)
            stream.session?.destroy()
          } else {
            stream.respond({ ':status': 200 })
            stream.end('hello')
          }
        },
        { plain: true },
      ),
    options: H2C,
    async run({ ask }) {
      failures = 1
      const all = [1, 2].map(() => ask({ path: '/hello' }))
      await Promise.all(all.map((one) => one.settled))
    },
  },
  'a stream reset and one refused, beside another request': {
    start: plainH2,
    options: H2C,
    async run({ ask }) {
      failures = 1
      const all = [ask({ path: '/reset/2' }), ask({ path: '/refuse' }, { body: 'taken' }), ask({ path: '/hello' })]
      await Promise.all(all.map((one) => one.settled))
    },
  },
  'over TLS': {
    start: () => startH2Origin(routes),
    async run({ ask, points }) {
      await ask({ path: '/hello' }, { body: 'hello' }).settled
      await ask({ path: '/upload', method: 'POST', body: upload(points) }, { body: '60000' }).settled
    },
  },
  'HTTP/1.1': {
    start: () => startH1Origin(routes, { plain: true }),
    async run({ ask, points }) {
      const all = [ask({ path: '/hello' }, { body: 'hello' }), ask({ path: '/trailers' }, { body: 'hello' })]
      await Promise.all(all.map((one) => one.settled))
      await ask({ path: '/upload', method: 'POST', body: upload(points) }, { body: '60000' }).settled
    },
  },
  'HTTP/1.1 over TLS': {
    start: () => startH1Origin(routes),
    async run({ ask }) {
      await ask({ path: '/hello' }, { body: 'hello' }).settled
      await ask({ path: '/hello' }, { body: 'hello' }).settled
    },
  },
  'idle connections that are closed between requests': {
    start: plainH2,
    options: { ...H2C, idleTimeout: 1 },
    async run({ ask, pool }) {
      await ask({ path: '/hello' }, { body: 'hello' }).settled
      while (pool.stats().connections > 0) await new Promise((resolve) => setTimeout(resolve, 1))
      await ask({ path: '/hello' }, { body: 'hello' }).settled
    },
  },
}

/** What nobody caught. */
const uncaught: unknown[] = []

/** Everything that keeps the process alive, counted by kind. */
function resources(): string {
  return process.getActiveResourcesInfo().sort().join(' ')
}

/** @param late rejects when the run has taken too long. */
async function torture(
  origin: TestOrigin,
  scenario: Scenario,
  fault: Fault,
  nth: number,
  late: Promise<never>,
): Promise<FaultPoints> {
  const points = new FaultPoints(fault, nth)
  const spare = (socket: Socket): void => points.spare(socket)
  origin.server.prependListener('connection', spare)
  origin.server.prependListener('secureConnection', spare)
  const uninstall = points.install()
  const restore = (): void => {
    uninstall()
    origin.server.off('connection', spare)
    origin.server.off('secureConnection', spare)
  }
  late.then(restore, restore)
  uncaught.length = 0
  const controller = new AbortController()
  // Only what stalls for ever needs deadlines that are short.
  const stalls = fault === 'write stalls for ever' || fault === 'connect is never answered'
  const deadlines = stalls
    ? { connectTimeout: 60, headersTimeout: 60, bodyTimeout: 60, writeTimeout: 60, queueTimeout: 200 }
    : {}
  const pool = new Pool({ tls: { ca: origin.ca }, lookup: points.lookup, ...deadlines, ...scenario.options })
  const exchanges: { watched: Watched; wanted: Wanted | undefined }[] = []
  const ask = (request: Asked, wanted?: Wanted): Watched => {
    const watched = new Watched(points)
    exchanges.push({ watched, wanted })
    const { path, method = 'GET', body, trailers } = request
    const asked = { origin: origin.origin, path, method, signal: controller.signal, ...(trailers && { trailers }) }
    watched.exchange = pool.dispatch({ ...asked, body: body as AsyncIterable<Buffer> | undefined }, watched)
    return watched
  }
  points.onStrike = () => {
    if (fault === 'abort') controller.abort(new InjectedError('abort'))
    else void pool.destroy(new InjectedError('destroy'))
  }
  try {
    await scenario.run({ points, pool, origin: origin.origin, signal: controller.signal, ask })
    await pool.close()
  } finally {
    restore()
  }
  const { connections, active, waiting, origins } = pool.stats()
  assert.deepEqual([connections, active, waiting, origins.length], [0, 0, 0, 0], 'left in the pool')
  for (const { watched, wanted } of exchanges) {
    assert.equal(watched.settlements, 1, 'settlements')
    if (watched.error === undefined && wanted !== undefined) {
      assert.equal(watched.body, wanted.body)
      if (wanted.trailers !== undefined) assert.deepEqual(watched.trailers, wanted.trailers)
    }
    if (watched.error !== undefined && nth === 0 && wanted !== undefined) throw watched.error
  }
  while (origin.open > 0) await new Promise((resolve) => setImmediate(resolve))
  const surfaced = exchanges.filter(({ watched }) => watched.threwAtEnd).length
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(
    uncaught.length,
    surfaced,
    `uncaught: ${uncaught.map((one) => (one instanceof Error ? one.stack : String(one))).join('; ')}`,
  )
  for (const error of uncaught) assert.ok(error instanceof InjectedError, String(error))
  return points
}

describe('whatever fails, at whatever point', { concurrency: false }, () => {
  before(() => {
    process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error))
  })
  after(() => {
    process.setUncaughtExceptionCaptureCallback(null)
  })

  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    describe(name, () => {
      let origin: TestOrigin
      let idle = ''
      before(async () => {
        origin = await scenario.start()
        // A request cut within its body: the server closes too.
        origin.server.on('clientError', (_error: Error, socket: Socket) => socket.destroy())
        const settle = AbortSignal.timeout(PATIENCE)
        await torture(origin, scenario, 'error', 0, new Promise(() => {}))
        while (resources().includes('TCPSocketWrap') && !settle.aborted)
          await new Promise((resolve) => setImmediate(resolve))
        idle = resources()
      })
      after(() => origin.close())

      for (const fault of FAULTS) {
        if (scenario.but?.includes(fault) === true) continue
        test(fault, async (t) => {
          let struck = 0
          for (let nth = 1; nth <= MOST_POINTS; nth++) {
            const { promise: late, reject } = withResolvers<never>()
            const timer = setTimeout(() => reject(new Error('it never ended')), PATIENCE)
            try {
              const points = await Promise.race([torture(origin, scenario, fault, nth, late), late])
              if (!points.struck) break
              struck++
            } catch (error) {
              throw new Error(`${name}: ${fault}, at point ${nth}`, { cause: error })
            } finally {
              clearTimeout(timer)
            }
          }
          assert.ok(struck < MOST_POINTS, 'the scenario has no end')
          t.diagnostic(`${struck} points`)
          // Nothing new keeps the process alive.
          for (let i = 0; i < 1000 && resources().length > idle.length; i++) {
            await new Promise((resolve) => setImmediate(resolve))
          }
          assert.ok(resources().length <= idle.length, `${resources()}, before: ${idle}`)
        })
      }
    })
  }
})
