/** What the peer did wrong, thrown inside the engine only and caught by `receive()`. */
import {
  HeadersTooLargeError,
  type HyperError,
  NotSupportedError,
  ProtocolError,
  type SpokenProtocol,
} from '../errors.ts'

/** The error of ours that a fault becomes. */
export type FaultKind = 'malformed' | 'too-large' | 'unsupported'

/** What node:http's parser calls it: what programs compare `error.code` with. */
export type ParserCode =
  | 'HPE_CR_EXPECTED'
  | 'HPE_HEADER_OVERFLOW'
  | 'HPE_INVALID_CHUNK_SIZE'
  | 'HPE_INVALID_CONSTANT'
  | 'HPE_INVALID_CONTENT_LENGTH'
  | 'HPE_INVALID_HEADER_TOKEN'
  | 'HPE_INVALID_STATUS'
  | 'HPE_INVALID_TRANSFER_ENCODING'
  | 'HPE_INVALID_VERSION'
  | 'HPE_LF_EXPECTED'
  | 'HPE_STRICT'
  | 'HPE_UNEXPECTED_CONTENT_LENGTH'

export class Fault extends Error {
  /** Server role: the status to answer with. */
  readonly status: number
  readonly kind: FaultKind
  readonly code: ParserCode
  /** What the peer speaks instead. */
  speaks: SpokenProtocol | undefined

  constructor(message: string, status = 400, kind: FaultKind = 'malformed', code: ParserCode = 'HPE_STRICT') {
    super(message)
    this.status = status
    this.kind = kind
    this.code = kind === 'too-large' ? 'HPE_HEADER_OVERFLOW' : code
  }

  /** One that has a name with node:http's parser. */
  static named(code: ParserCode, message: string): Fault {
    return new Fault(message, 400, 'malformed', code)
  }

  /** Octets that no head begins with. */
  static beginning(octets: string): Fault {
    const fault = Fault.named('HPE_INVALID_CONSTANT', `it begins with ${JSON.stringify(octets)}`)
    // The header of a TLS alert (RFC 8446 section 5.1), and of a SETTINGS frame, whose length is less than 65,536.
    if (octets.startsWith('\x15\x03')) fault.speaks = 'tls'
    else if (octets.startsWith('\0\0')) fault.speaks = 'h2'
    return fault
  }

  /** @param peer who did it. The fault itself is the cause, whose `code` is that of node:http's parser. */
  toError(peer: 'server' | 'client', origin: string | undefined): HyperError {
    const message = `The ${peer}${origin === undefined ? '' : ` at ${origin}`} broke HTTP/1.1: ${this.message}`
    switch (this.kind) {
      case 'malformed':
        return new ProtocolError(message, { origin, cause: this, speaks: this.speaks })
      case 'too-large':
        return new HeadersTooLargeError(message, { origin })
      case 'unsupported':
        return new NotSupportedError(message, { origin, cause: this })
    }
  }
}

/** What an error of `toError()` says of the message, for those who say in words of their own whose it is. */
export function faultOf(error: HyperError): string {
  return error.message.slice(error.message.indexOf(': ') + 2)
}

/** A piece of what the peer sent, as it may stand in a message. */
export function shown(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}
