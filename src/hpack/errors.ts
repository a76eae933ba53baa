/** Common ancestor of everything this library throws about header blocks; `code` is stable, `message` is for people. */
export class HpackError extends Error {
  override readonly name: string = 'HpackError'
  readonly code: string = 'ERR_HPACK'
}

/**
 * The peer's block breaks RFC 7541. The two dynamic tables no longer agree, so in HTTP/2 this is a connection error of
 * type COMPRESSION_ERROR (RFC 9113 section 4.3); the decoder refuses all further blocks.
 */
export class HpackDecodingError extends HpackError {
  override readonly name = 'HpackDecodingError'
  override readonly code = 'ERR_HPACK_DECODING'
}

/** The caller handed fields that cannot be put on the wire. The encoder is as it was before the call. */
export class HpackEncodingError extends HpackError {
  override readonly name = 'HpackEncodingError'
  override readonly code = 'ERR_HPACK_ENCODING'
}

/**
 * A well-formed block held more than the receiver wants to keep. The block was processed to its end, so both tables still
 * agree and the decoder stays usable: the caller may treat it as a stream error or as a connection error.
 */
export class HeaderListTooLargeError extends HpackError {
  override readonly name = 'HeaderListTooLargeError'
  override readonly code = 'ERR_HPACK_HEADER_LIST_TOO_LARGE'
  /** Which limit was crossed first: octets of the list (name + value + 32 a field), or number of fields. */
  readonly exceeded: 'bytes' | 'fields'
  /** The limit that was crossed, in octets or fields. */
  readonly limit: number
  /** Size of the whole list in octets, 32 added for every field (RFC 9113 section 6.5.2). */
  readonly listSize: number
  /** Number of fields in the whole list. */
  readonly fieldCount: number

  constructor(exceeded: 'bytes' | 'fields', limit: number, listSize: number, fieldCount: number) {
    super(
      exceeded === 'bytes'
        ? `header list of ${listSize} octets is larger than the ${limit} allowed`
        : `header list of ${fieldCount} fields is longer than the ${limit} allowed`,
    )
    this.exceeded = exceeded
    this.limit = limit
    this.listSize = listSize
    this.fieldCount = fieldCount
  }
}
