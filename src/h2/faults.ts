/** What a frame handler throws when the peer breaks a rule. They never leave `receive()` (RFC 9113 section 5.4). */

/** Ends the connection with GOAWAY. */
export class ConnectionFault extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
