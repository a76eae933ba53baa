/** What the peer did wrong, thrown inside the engine only and caught by `receive()`. */
import { HeadersTooLargeError, type HyperError, NotSupportedError, ProtocolError } from '../errors.ts'

/** The error of ours that a fault becomes. */
export type FaultKind = 'malformed' | 'too-large' | 'unsupported'

export class Fault extends Error {
  /** Server role: the status to answer with. */
  readonly status: number
  readonly kind: FaultKind

  constructor(message: string, status = 400, kind: FaultKind = 'malformed') {
    super(message)
    this.status = status
    this.kind = kind
  }

  /** @param peer who did it. */
  toError(peer: 'server' | 'client', origin: string | undefined): HyperError {
    const message = `The ${peer}${origin === undefined ? '' : ` at ${origin}`} broke HTTP/1.1: ${this.message}`
    switch (this.kind) {
      case 'malformed':
        return new ProtocolError(message, { origin })
      case 'too-large':
        return new HeadersTooLargeError(message, { origin })
      case 'unsupported':
        return new NotSupportedError(message, { origin })
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
