/**
 * Keeps the books of a test against a hostile peer: every exchange, what its handler heard, and whether that was allowed
 * by the contract of `src/exchange.ts`; and what reached the process that should have reached nobody.
 */
import assert from 'node:assert/strict'
import { after } from 'node:test'
import type {
  Exchange,
  ExchangeHandler,
  ExchangeRequest,
  FieldList,
  Pool,
  PushPromise,
  Transport,
} from '../../src/index.ts'
import { closeHostileServers, type HostileServer } from './hostile-server.ts'

/** How an exchange ended. */
export interface Outcome {
  /** `ok`, or the error's code (its name when it has none). */
  readonly code: string
  readonly status: number
  readonly body: string
  readonly trailers: FieldList
  readonly error: Error | undefined
}

/** One exchange: a handler that writes down what it hears and whether it may hear it. */
export class Entry implements ExchangeHandler {
  readonly what: string
  readonly outcome: Promise<Outcome>
  readonly violations: string[] = []
  readonly informational: number[] = []
  readonly headers: string[] = []
  settlements = 0
  status = 0
  exchange: Exchange | undefined
  readonly onPush: ExchangeHandler['onPush']
  /** Called with each step's name as it is heard. */
  onStep: (step: string) => void = () => {}
  private readonly chunks: Buffer[] = []
  private settle: (outcome: Outcome) => void = () => {}

  constructor(what: string, onPush?: (promise: PushPromise) => ExchangeHandler | null) {
    this.what = what
    this.onPush = onPush
    this.outcome = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  get body(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  onConnected(): void {
    this.hear('connected', this.status === 0)
  }

  onInformational(status: number): void {
    this.hear('informational', this.status === 0)
    this.informational.push(status)
  }

  onHeaders(status: number, fields: FieldList): void {
    this.hear('headers', this.status === 0)
    this.status = status
    this.headers.push(...fields)
  }

  onData(chunk: Buffer): void {
    this.hear('data', this.status !== 0)
    // Copied: what it is now is what was received.
    this.chunks.push(Buffer.from(chunk))
  }

  onEnd(trailers: FieldList): void {
    this.hear('end', this.status !== 0)
    this.finish('ok', trailers, undefined)
  }

  onError(error: Error & { code?: unknown }): void {
    this.hear('error', true)
    this.finish(typeof error.code === 'string' ? error.code : error.name, [], error)
  }

  onBodySent(): void {
    this.hear('body sent', true)
  }

  onRequestSent(): void {
    this.hear('request sent', true)
  }

  private hear(step: string, allowed: boolean): void {
    if (this.settlements > 0) this.violations.push(`${step} after the end`)
    else if (!allowed) this.violations.push(`${step} out of order`)
    if (this.exchange === undefined) this.violations.push(`${step} before dispatch() had returned`)
    this.onStep(step)
  }

  private finish(code: string, trailers: FieldList, error: Error | undefined): void {
    this.settlements++
    this.settle({ code, status: this.status, body: this.body, trailers, error })
  }
}

export type Asked = Omit<ExchangeRequest, 'method'> & { method?: string }

/** All exchanges of one test. */
export class Ledger {
  readonly entries: Entry[] = []

  begin(transport: Transport, request: Asked, onPush?: (promise: PushPromise) => ExchangeHandler | null): Entry {
    const entry = this.open(`${request.method ?? 'GET'} ${request.path}`, onPush)
    entry.exchange = transport.dispatch({ method: 'GET', ...request }, entry)
    return entry
  }

  /** An entry for an exchange that begins otherwise, a push for example. */
  open(what: string, onPush?: (promise: PushPromise) => ExchangeHandler | null): Entry {
    const entry = new Entry(what, onPush)
    this.entries.push(entry)
    return entry
  }

  send(transport: Transport, request: Asked): Promise<Outcome> {
    return this.begin(transport, request).outcome
  }

  /** Every exchange has settled, once, and heard nothing that it should not have. */
  check(): void {
    for (const { what, settlements, violations } of this.entries) {
      assert.deepEqual(violations, [], what)
      assert.equal(settlements, 1, `${what} settled ${settlements} times`)
    }
  }
}

/** Nothing is left: of exchanges, of connections, of sockets at the server. */
export async function leavesNothing(pool: Pool, server: HostileServer, ledger: Ledger): Promise<void> {
  await Promise.all(ledger.entries.map((entry) => entry.outcome))
  await pool.close()
  const { connections, active, waiting, origins } = pool.stats()
  assert.deepEqual({ connections, active, waiting, origins: origins.length }, NOTHING)
  for (const socket of server.sockets) {
    socket.resume()
    // A half-open one waits for nobody.
    if (socket.allowHalfOpen) socket.once('end', () => socket.end())
    if (socket.readableEnded) socket.end()
  }
  await server.until(() => server.open === 0)
  ledger.check()
}

const NOTHING = { connections: 0, active: 0, waiting: 0, origins: 0 }

/** What nobody caught while the file's tests ran fails the file, beside the test that was running. */
export function watchProcess(): void {
  const uncaught: unknown[] = []
  const keep = (error: unknown): void => {
    uncaught.push(error)
  }
  process.on('uncaughtExceptionMonitor', keep)
  process.on('unhandledRejection', keep)
  after(async () => {
    await closeHostileServers()
    process.off('uncaughtExceptionMonitor', keep)
    process.off('unhandledRejection', keep)
    assert.deepEqual(uncaught, [])
  })
}

/** A promise and what settles it. */
export function withResolvers<T>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
} {
  let resolve: (value: T) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<T>((settle, refuse) => {
    resolve = settle
    reject = refuse
  })
  return { promise, resolve, reject }
}
