/** What the library throws about header blocks. */
import { HyperError } from '../errors.ts'

/** Common ancestor; `code` is stable, `message` is for people. */
export class HpackError extends HyperError {}

/**
 * The peer's block breaks RFC 7541. The two dynamic tables no longer agree, so in HTTP/2 this is a connection error of
 * type COMPRESSION_ERROR (RFC 9113 section 4.3); the decoder refuses all further blocks.
 */
export class HpackDecodingError extends HpackError {
  constructor(reason: string) {
    super('ERR_HPACK_DECODING', `Invalid header block: ${reason}`)
  }
}

/** The caller handed fields that cannot be put on the wire. The encoder is as it was before the call. */
export class HpackEncodingError extends HpackError {
  constructor(reason: string) {
    super('ERR_HPACK_ENCODING', `Fields that cannot be encoded: ${reason}`)
  }
}

/**
 * A well-formed block held more than the receiver wants to keep. The block was processed to its end, so both tables still
 * agree and the decoder stays usable: the caller may treat it as a stream error or as a connection error.
 */
export class HeaderListTooLargeError extends HpackError {
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
      'ERR_HPACK_HEADER_LIST_TOO_LARGE',
      exceeded === 'bytes'
        ? `A header list of ${listSize} octets is larger than the ${limit} allowed`
        : `A header list of ${fieldCount} fields is longer than the ${limit} allowed`,
    )
    this.exceeded = exceeded
    this.limit = limit
    this.listSize = listSize
    this.fieldCount = fieldCount
  }
}
