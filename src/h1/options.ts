/** What the two connections can be told. Sizes are octets. */
import { MAX_HEADER_FIELDS, MAX_HTTP1_HEAD, MAX_START_LINE, MAX_TRAILERS } from '../limits.ts'
import { type Check, checkEach, oneOf, text, whole } from '../option-checks.ts'
import { refuseUnknown } from '../option-names.ts'

export interface H1Options {
  /** Named in errors. */
  origin?: string | undefined
  /** One head of the peer's, start line and empty line included. Default: `MAX_HTTP1_HEAD` (limits.ts). */
  maxHeaderSize?: number | undefined
  /** Its start line alone. Default: `MAX_START_LINE`. */
  maxStartLine?: number | undefined
  /** Fields in one head or trailer section of the peer's. Default: `MAX_HEADER_FIELDS`. */
  maxHeaderFields?: number | undefined
  /** Client role: the informational responses to one request, in all. Default: `MAX_INFORMATIONAL_OCTETS`. */
  maxInformational?: number | undefined
  /**
   * Check the methods, targets, names and values that the owner sends, and throw at the call. Default true; an owner with
   * a serialiser of its own that checks the same turns it off.
   */
  validateOutbound?: boolean | 'elsewhere' | undefined
  /**
   * Server role: the requests come from code of this process, as node:http's ClientRequest writes them, and not from a
   * network. Then any target will do; `host` may be missing, or come twice; `chunked` anywhere in transfer-encoding means
   * chunks, and goes before a content-length; other codings say nothing; `connection` does not end it; and heads and
   * trailers are as long as they are. Default false, and for anything that a stranger may write it has to be: each of
   * these is a way to smuggle requests.
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
