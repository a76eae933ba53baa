/** One exchange as a promise, for tests that care about its outcome and not about its steps. */
import type {
  ConnectionInfo,
  Exchange,
  ExchangeHandler,
  ExchangeRequest,
  FieldList,
  Transport,
} from '../../src/index.ts'

export interface Received {
  status: number
  statusText: string
  headers: Record<string, string | string[]>
  body: Buffer
  trailers: FieldList
  informational: number[]
  connection: ConnectionInfo | undefined
}

/** A handler that keeps everything it hears, and fails the test when the contract is broken. */
export class Collecting implements ExchangeHandler {
  readonly result: Promise<Received>
  readonly received: Received = {
    status: 0,
    statusText: '',
    headers: {},
    body: Buffer.alloc(0),
    trailers: [],
    informational: [],
    connection: undefined,
  }
  readonly chunks: Buffer[] = []
  settlements = 0
  private resolve: (received: Received) => void = () => {}
  private reject: (error: Error) => void = () => {}

  constructor() {
    this.result = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // A test that looks at the error later must not be failed by its coming early.
    this.result.catch(() => {})
  }

  onConnected(info: ConnectionInfo): void {
    this.received.connection = info
  }
  onInformational(status: number): void {
    this.received.informational.push(status)
  }
  onHeaders(status: number, fields: FieldList, statusText: string): void {
    this.received.status = status
    this.received.statusText = statusText
    this.received.headers = toObject(fields)
  }
  onData(chunk: Buffer): void {
    this.chunks.push(chunk)
  }
  onEnd(trailers: FieldList): void {
    this.settlements++
    this.received.trailers = trailers
    this.received.body = Buffer.concat(this.chunks)
    this.resolve(this.received)
  }
  onError(error: Error): void {
    this.settlements++
    this.reject(error)
  }
}

export function send(
  transport: Transport,
  request: Omit<ExchangeRequest, 'method'> & { method?: string },
): Promise<Received> {
  return begin(transport, request).handler.result
}

/** Dispatches and gives the handle as well. */
export function begin(
  transport: Transport,
  request: Omit<ExchangeRequest, 'method'> & { method?: string },
): { exchange: Exchange; handler: Collecting } {
  const handler = new Collecting()
  const exchange = transport.dispatch({ method: 'GET', ...request }, handler)
  if (handler.settlements > 0) throw new Error('a callback came before dispatch had returned')
  return { exchange, handler }
}

/** The error that a promise is rejected with; fails when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && outcome.error instanceof Error) return outcome.error
  throw new Error(`not rejected with an Error: ${JSON.stringify(outcome)}`)
}

function toObject(fields: FieldList): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = {}
  for (let i = 0; i < fields.length; i += 2) {
    const known = object[fields[i]]
    if (known === undefined) object[fields[i]] = fields[i + 1]
    else object[fields[i]] = [...(Array.isArray(known) ? known : [known]), fields[i + 1]]
  }
  return object
}
