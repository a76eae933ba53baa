/** Both roles in memory: everything that a connection tells its owner is written down, in order. */
import type { HyperError } from '../../src/errors.ts'
import {
  H1ClientConnection,
  type H1ClientListener,
  type H1Options,
  type H1RequestHead,
  type H1RequestInit,
  type H1ResponseHead,
  H1ServerConnection,
  type H1ServerListener,
} from '../../src/h1/index.ts'
import type { FieldList } from '../../src/headers/fields.ts'

export const GET: H1RequestInit = { method: 'GET', target: '/', fields: ['Host', 'example.com'], bodyLength: 0 }
export const HEAD: H1RequestInit = { ...GET, method: 'HEAD' }
export const POST: H1RequestInit = { ...GET, method: 'POST', bodyLength: -1 }
export const CONNECT: H1RequestInit = { ...GET, method: 'CONNECT', target: 'example.com:443' }
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

export const octetsOf = (text: string): Buffer => Buffer.from(text, 'latin1')

/** What was told, by name; pieces of a body that follow one another count as one. */
export type Told =
  | readonly ['informational', number, FieldList]
  | readonly ['headers', H1ResponseHead]
  | readonly ['request', H1RequestHead]
  | readonly ['data', string]
  | readonly ['end', FieldList, FieldList]
  | readonly ['upgraded', number, string]
  | readonly ['failed', string, string, number?]
  | readonly ['closed']

class Recorder {
  told: Told[] = []
  error: HyperError | undefined
  /** Called whenever something was told. */
  after: (told: Told) => void = () => {}

  protected say(told: Told): void {
    const last = this.told.at(-1)
    if (told[0] === 'data' && last?.[0] === 'data') this.told[this.told.length - 1] = ['data', last[1] + told[1]]
    else this.told.push(told)
    this.after(told)
  }
  onData(buffer: Buffer, start: number, end: number): void {
    this.say(['data', buffer.toString('latin1', start, end)])
  }
  onEnd(trailers: FieldList, raw: FieldList): void {
    this.say(['end', trailers, raw])
  }
  get names(): string {
    return this.told.map(([name]) => name).join(' ')
  }
  get body(): string {
    return this.told.map((told) => (told[0] === 'data' ? told[1] : '')).join('')
  }
  get trailers(): FieldList | undefined {
    return this.told.find((told) => told[0] === 'end')?.[1]
  }
}

export class Client extends Recorder implements H1ClientListener {
  readonly h1: H1ClientConnection
  constructor(options: H1Options = {}) {
    super()
    this.h1 = new H1ClientConnection(this, { origin: 'http://example.com', ...options })
  }
  onInformational(head: H1ResponseHead): void {
    this.say(['informational', head.status, head.fields])
  }
  onHeaders(head: H1ResponseHead): void {
    this.say(['headers', head])
  }
  onUpgraded(head: H1ResponseHead, rest: Buffer): void {
    this.say(['upgraded', head.status, rest.toString('latin1')])
  }
  onFailed(error: HyperError): void {
    this.error = error
    this.say(['failed', error.code, error.message])
  }
  receive(text: string): this {
    this.h1.receive(octetsOf(text))
    return this
  }
  get head(): H1ResponseHead {
    const told = this.told.find(([name]) => name === 'headers')
    if (told?.[0] !== 'headers') throw new Error(`no response was told, but ${JSON.stringify(this.told)}`)
    return told[1]
  }
}

export class Server extends Recorder implements H1ServerListener {
  readonly h1: H1ServerConnection
  status = 0
  constructor(options: H1Options = {}) {
    super()
    this.h1 = new H1ServerConnection(this, { origin: 'http://example.com', ...options })
  }
  onRequest(head: H1RequestHead): void {
    this.say(['request', head])
  }
  onFailed(error: HyperError, status: number): void {
    this.error = error
    this.status = status
    this.say(['failed', error.code, error.message, status])
  }
  onClosed(): void {
    this.say(['closed'])
  }
  receive(text: string): this {
    this.h1.receive(octetsOf(text))
    return this
  }
  get head(): H1RequestHead {
    const told = this.told.findLast(([name]) => name === 'request')
    if (told?.[0] !== 'request') throw new Error(`no request was told, but ${JSON.stringify(this.told)}`)
    return told[1]
  }
}

/** A client that has asked, and heard this in one piece; then, perhaps, the end. */
export function answered(text: string, init: H1RequestInit = GET, end = false, options: H1Options = {}): Client {
  const client = new Client(options)
  client.h1.request(init)
  client.receive(text)
  if (end) client.h1.receiveEnd()
  return client
}

export function asked(text: string, options: H1Options = {}): Server {
  return new Server(options).receive(text)
}

/** What `data()` gave, as text. */
export function textOf(pieces: readonly (string | Uint8Array)[]): string {
  return pieces.map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece).toString('latin1'))).join('')
}
