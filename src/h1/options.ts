/** The options of both connections, and their checks. */
import { MAX_HEADER_FIELDS, MAX_HTTP1_HEAD, MAX_START_LINE, MAX_TRAILERS } from '../limits.ts'
import { type Check, checkEach, oneOf, text, whole } from '../option-checks.ts'
import { refuseUnknown } from '../option-names.ts'

/** Options of `H1ClientConnection` and `H1ServerConnection`. Sizes are octets. */
export interface H1Options {
  /** Named in error messages. Default: none. */
  origin?: string | undefined
  /** Octets in a received head, start line and empty line included. Default 16,384 (`MAX_HTTP1_HEAD`), as node:http. */
  maxHeaderSize?: number | undefined
  /** Octets in its start line. Default 8192 (`MAX_START_LINE`): RFC 9112 section 3 asks for at least 8000. */
  maxStartLine?: number | undefined
  /** Fields in a received head or trailer section. Default 256 (`MAX_HEADER_FIELDS`): small fields cost more memory than octets. */
  maxHeaderFields?: number | undefined
  /** Client role: octets of all informational responses to one request. Default 65,536 (`MAX_INFORMATIONAL_OCTETS`). */
  maxInformational?: number | undefined
  /**
   * Check the methods, targets, names and values that you send, and throw at the call. Default true. `'elsewhere'`: not, because
   * the caller has checked them already. False: not, and warn once.
   */
  validateOutbound?: boolean | 'elsewhere' | undefined
  /**
   * Server role: requests come from code of this process, such as node:http's ClientRequest, and not from a network. Then
   * every target is accepted; `host` may be missing or repeated; `chunked` anywhere in transfer-encoding means chunks, and
   * takes precedence over content-length; other codings are ignored; `connection: close` is ignored; and heads and trailers
   * have no limit. Default false, and required to be false for octets from a network: each of these enables request smuggling.
   */
  trustInbound?: boolean | undefined
}

const CHECKS: { readonly [Name in keyof Required<H1Options>]: Check } = {
  origin: text,
  maxHeaderSize: whole(0),
  maxStartLine: whole(0),
  maxHeaderFields: whole(0),
  maxInformational: whole(0),
  validateOutbound: oneOf(true, false, 'elsewhere'),
  trustInbound: oneOf(true, false),
}
const NAMES: ReadonlySet<string> = new Set(Object.keys(CHECKS))

/** @throws {InvalidArgumentError} naming the option that is unknown, or has a value that it may not have. */
export function checkOptions(options: H1Options): void {
  refuseUnknown(options, NAMES)
  checkEach(options, CHECKS)
}

/** How much of a peer's is read. */
export interface H1Limits {
  readonly maxHeaderSize: number
  readonly maxStartLine: number
  readonly maxHeaderFields: number
  readonly maxTrailerSize: number
}

export function limitsOf(options: H1Options): H1Limits {
  const all = options.trustInbound === true ? Number.MAX_SAFE_INTEGER : undefined
  return {
    maxHeaderSize: options.maxHeaderSize ?? all ?? MAX_HTTP1_HEAD,
    maxStartLine: options.maxStartLine ?? all ?? MAX_START_LINE,
    maxHeaderFields: options.maxHeaderFields ?? all ?? MAX_HEADER_FIELDS,
    maxTrailerSize: all ?? MAX_TRAILERS,
  }
}
