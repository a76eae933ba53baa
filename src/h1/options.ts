/** What the two connections can be told. Sizes are octets. */
export interface H1Options {
  /** Named in errors. */
  origin?: string | undefined
  /** One head of the peer's, start line and empty line included. Default: `MAX_HTTP1_HEAD` (limits.ts). */
  maxHeaderSize?: number | undefined
  /** Fields in one head or trailer section of the peer's. Default: `MAX_HEADER_FIELDS`. */
  maxHeaderFields?: number | undefined
  /** Client role: the informational responses to one request, in all. Default: `MAX_INFORMATIONAL_OCTETS`. */
  maxInformational?: number | undefined
  /**
   * Check the methods, targets, names and values that the owner sends, and throw at the call. Default true; an owner with
   * a serialiser of its own that checks the same turns it off.
   */
  validateOutbound?: boolean | undefined
}
