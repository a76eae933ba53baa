/** What an origin has seen. */
import type { FieldList } from '../headers/fields.ts'
import { ignore } from '../ignore.ts'

/** A request as the origin has it. */
export interface TestRequest {
  /** Over which the request came. */
  readonly protocol: 'h2' | 'http/1.1'
  /** As the client sent it. */
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Lower-case names; lines of one name joined by commas, those of `cookie` by semicolons. `host` over both protocols. */
  readonly headers: Readonly<Record<string, string>>
  /** As they came: name, value, name, value. */
  readonly rawHeaders: FieldList
  /** The number of its connection, from 1. */
  readonly connection: number
  /** Its body, once it has come; rejects when it was cut off. */
  readonly body: Promise<Buffer>
  /** Its trailer section, once that has come. */
  readonly trailers: Promise<FieldList>
}

/** A request that is coming in. */
export class Incoming implements TestRequest {
  readonly protocol: TestRequest['protocol']
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly rawHeaders: FieldList
  readonly connection: number
  readonly body: Promise<Buffer>
  readonly trailers: Promise<FieldList>
  private readonly pieces: Buffer[] = []
  private readonly whole = Promise.withResolvers<Buffer>()
  private readonly end = Promise.withResolvers<FieldList>()

  constructor(
    protocol: TestRequest['protocol'],
    connection: number,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    rawHeaders: FieldList,
  ) {
    this.protocol = protocol
    this.connection = connection
    this.method = method
    this.path = path
    this.headers = headers
    this.rawHeaders = rawHeaders
    this.body = this.whole.promise
    this.trailers = this.end.promise
    // A rejection that no test looks at is not an unhandled one.
    this.body.catch(ignore)
    this.trailers.catch(ignore)
  }

  take(piece: Buffer): void {
    this.pieces.push(Buffer.from(piece))
  }

  finish(trailers: FieldList): void {
    this.whole.resolve(Buffer.concat(this.pieces))
    this.end.resolve(trailers)
  }

  fail(error: Error): void {
    this.whole.reject(error)
    this.end.reject(error)
  }
}

/** Fields as an object. */
export function headersOf(fields: FieldList): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    const before = headers[name]
    headers[name] = before === undefined ? fields[i + 1] : `${before}${name === 'cookie' ? '; ' : ', '}${fields[i + 1]}`
  }
  return headers
}
