/** What is remembered of each request for what is written at the end: --format, --har. */
import type { HTTPResponse } from '../client/response.ts'
import type { CommandRequest } from './request.ts'
import type { Lap } from './timing.ts'

export interface Exchanged {
  /** As it was sent, cookies and credentials with it. */
  readonly request: CommandRequest
  readonly lap: Lap
  response: HTTPResponse | undefined
  /** Octets of the body that were read, decoded. */
  received: number
  /** Octets of the body that were sent. */
  sent: number
  /** The beginning of the body, where it is kept. */
  readonly kept: Uint8Array[]
  file: string | undefined
  /** The exit code that it leads to, and why when it failed. */
  code: number
  failure: string | undefined
}
