/** What the heads of HTTP/1.1 messages say, checked. */
import type { FieldList } from '../headers/fields.ts'

/** How a body ends: there is none; after its length; with the last chunk; with the connection. */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

interface Head {
  /** The HTTP version of the start line. */
  readonly version: '1.0' | '1.1'
  /** Names in lower case, values without the white space around them; octets as latin1. */
  readonly fields: FieldList
  /** The same with the names as they were sent: the very same list, when they were sent in lower case. */
  readonly raw: FieldList
  /** -1 when the head has none. */
  readonly contentLength: number
  /** May the connection live on after this message, by its version, `connection` and framing? */
  readonly keepAlive: boolean
}

/** The head of a response (RFC 9112 section 4). Not to be changed: an equal one that comes later may be the same object. */
export interface H1ResponseHead extends Head {
  /** The status code, 100 to 999. */
  readonly status: number
  /** '' when it is absent. */
  readonly reason: string
  /** How the body ends. */
  readonly framing: Framing
  /** Seconds that the peer keeps an idle connection, of `keep-alive: timeout=N`. A hint. */
  readonly keepAliveTimeout: number | undefined
  /** Requests that the peer still takes on this connection, of `keep-alive: max=N`. A hint. */
  readonly keepAliveMax: number | undefined
}

/** The head of a request (RFC 9112 section 3). Not to be changed: an equal one that comes later may be the same object. */
export interface H1RequestHead extends Head {
  /** As it was sent; methods are case-sensitive. */
  readonly method: string
  /** Origin form, absolute form, authority form (CONNECT) or `*` (OPTIONS), as it was sent. */
  readonly target: string
  /** How the body ends. A request never ends with the connection. */
  readonly framing: 'none' | 'length' | 'chunked'
  /** The client waits for 100 before it sends the body (RFC 9110 section 10.1.1). */
  readonly expectContinue: boolean
  /** The protocols that the client would rather speak; undefined when `connection` does not say `upgrade`. */
  readonly upgrade: string | undefined
}
