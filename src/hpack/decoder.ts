/**
 * The decoder (RFC 7541 sections 3 and 6). Hot path: one loop over octets, monomorphic state, no closure and no slice.
 *
 * Two caches stand before the real work. Both hold nothing but what this connection's peer sent, and both are filled at the
 * second sight of a candidate only, so that values which never repeat cost next to nothing:
 * - whole blocks (`BlockCache`): a byte-identical block gives the same array again, if it refers to the static table only,
 *   or if it inserts nothing and the dynamic table is as it was;
 * - single strings (`StringCache`): the octets of a literal, Huffman-coded or not, give the same string again.
 * Never-indexed values pass by both.
 */

import { InvalidArgumentError } from '../errors.ts'
import { MAX_HEADER_FIELDS, MAX_HEADER_LIST_SIZE } from '../limits.ts'
import { refuseUnknown } from '../option-names.ts'
import { ANY_GENERATION, BlockCache, LONGEST_STRING, SHORTEST_STRING, StringCache } from './caches.ts'
import { checkSize, DynamicTable, ENTRY_OVERHEAD, INITIAL_TABLE_SIZE } from './dynamic-table.ts'
import { HeaderListTooLargeError, HpackDecodingError } from './errors.ts'
import { decodedBound, decodeHuffman } from './huffman.ts'
import { STATIC_NAMES, STATIC_TABLE_LENGTH, STATIC_VALUES } from './static-table.ts'

// V8 folds a module's own constants into compiled code, but not imported ones.
const staticNames = STATIC_NAMES
const staticValues = STATIC_VALUES
const staticLength = STATIC_TABLE_LENGTH
const overhead = ENTRY_OVERHEAD
const shortestString = SHORTEST_STRING
const longestString = LONGEST_STRING

/** Integers above this are refused (RFC 7541 section 7.4); no length or size that HTTP/2 allows comes near it. */
const MAX_INTEGER = 0x7fff_ffff

/** Octets of the largest list that is remembered for a repeated block: bounds what the cache keeps alive. */
const LARGEST_REPEATED = 8192

const OPTIONS: ReadonlySet<string> = new Set(['maxTableSize', 'maxListSize', 'maxFields'])

const NO_NAMES: ReadonlySet<string> = new Set()
const NO_PLACES: ReadonlySet<number> = new Set()

/** Limits of a {@link Decoder}. */
export interface DecoderOptions {
  /**
   * Octets the peer's dynamic table may use from the start, default 4096. HTTP/2 starts every connection at 4096: leave it,
   * and call `setMaxTableSize` when the peer acknowledges another SETTINGS_HEADER_TABLE_SIZE.
   */
  readonly maxTableSize?: number
  /** Octets a decoded list may have, name + value + 32 for each field; default 65,536. */
  readonly maxListSize?: number
  /** Fields a decoded list may have, default 256: a field costs its sender one octet but its receiver far more. */
  readonly maxFields?: number
}

/** Decodes header blocks (RFC 7541). One for each direction of a connection; each block of it must be decoded, in order. */
export class Decoder {
  /**
   * Names of the fields that the last block sent as never-indexed. Whoever forwards the message must keep them so
   * (RFC 7541 section 6.2.3): give the set to `Encoder.write`.
   */
  neverIndexed: ReadonlySet<string> = NO_NAMES
  /** The same by field, where one of several lines of a name was sent so: places in the list, 0 being its first field. */
  neverIndexedFields: ReadonlySet<number> = NO_PLACES

  private readonly table: DynamicTable
  private readonly blocks = new BlockCache()
  private readonly strings = new StringCache()
  private maxTableSize: number
  private maxListSize: number
  private maxFields: number
  /** The peer must announce a size no larger than this before its next field; negative when it need not. */
  private mustShrinkTo = -1
  private position = 0
  /** Whether the present block referred to a dynamic entry. */
  private usedDynamic = false
  private broken = false

  /** @throws InvalidArgumentError naming the option that is unknown, or is not an integer from 0 to 2^31-1. */
  constructor(options: DecoderOptions = {}) {
    refuseUnknown(options, OPTIONS)
    this.maxTableSize = checkSize('maxTableSize', options.maxTableSize ?? INITIAL_TABLE_SIZE, MAX_INTEGER)
    this.maxListSize = checkSize('maxListSize', options.maxListSize ?? MAX_HEADER_LIST_SIZE, MAX_INTEGER)
    this.maxFields = checkSize('maxFields', options.maxFields ?? MAX_HEADER_FIELDS, MAX_INTEGER)
    this.table = new DynamicTable(this.maxTableSize)
  }

  /** Octets the dynamic table takes now. */
  get tableSize(): number {
    return this.table.size
  }

  /** A copy of the dynamic table, newest entry first, as a flat list: for tracing and tests. */
  tableEntries(): string[] {
    return this.table.entries()
  }

  /**
   * Our SETTINGS_HEADER_TABLE_SIZE in octets, once the peer acknowledged it. When it is below the size in use, the next
   * block must begin with a size update that is no larger (RFC 7541 section 4.2), else decoding fails.
   * @throws InvalidArgumentError when `size` is not an integer from 0 to 2^31-1.
   */
  setMaxTableSize(size: number): void {
    this.maxTableSize = checkSize('table size', size, MAX_INTEGER)
    if (size < this.table.maxSize && (this.mustShrinkTo < 0 || size < this.mustShrinkTo)) this.mustShrinkTo = size
  }

  /**
   * Octets a decoded list may have from the next block on.
   * @throws InvalidArgumentError when `size` is not an integer from 0 to 2^31-1.
   */
  setMaxListSize(size: number): void {
    this.maxListSize = checkSize('list size', size, MAX_INTEGER)
    this.blocks.clear()
  }

  /**
   * Fields a decoded list may have from the next block on.
   * @throws InvalidArgumentError when `count` is not an integer from 0 to 2^31-1.
   */
  setMaxFields(count: number): void {
    this.maxFields = checkSize('field count', count, MAX_INTEGER)
    this.blocks.clear()
  }

  /**
   * Decodes one complete block, `block[start, end)`, into a flat list: name, value, name, value. Strings have one character
   * (U+0000 to U+00FF) for each octet. The list must not be changed: an equal block may be answered with the same array.
   * @throws InvalidArgumentError when `start` and `end` are not within the block.
   * @throws HpackDecodingError when the block breaks RFC 7541; the decoder is unusable from then on.
   * @throws HeaderListTooLargeError when a limit is crossed; the block is processed to its end and the decoder stays usable.
   */
  decode(block: Uint8Array, start = 0, end: number = block.length): readonly string[] {
    if (this.mustShrinkTo < 0) {
      const at = this.blocks.find(block, start, end, this.table.generation)
      if (at >= 0) return this.repeat(at)
    }
    return this.process(block, start, end)
  }

  /** What the block remembered at place `at` did when it came first. */
  private repeat(at: number): readonly string[] {
    const list = this.blocks.lists[at]
    let insertions = this.blocks.insertions[at]
    for (let i = 0; insertions !== 0; i += 2) {
      if ((insertions & 1) !== 0) this.table.add(list[i], list[i + 1])
      insertions >>>= 1
    }
    this.forget()
    return list
  }

  private process(block: Uint8Array, start: number, end: number): readonly string[] {
    if (this.broken) throw new HpackDecodingError('an earlier one was invalid already')
    if (!(start >= 0 && start <= end && end <= block.length)) {
      throw new InvalidArgumentError(`[${start}, ${end}) is not within a block of ${block.length} octets`)
    }
    const table = this.table
    const maxListSize = this.maxListSize
    const maxFields = this.maxFields
    let fields: string[] = []
    let never: Set<string> | undefined
    let places: Set<number> | undefined
    let count = 0
    let size = 0
    let exceeded: 'bytes' | 'fields' | undefined
    this.position = start
    // Whether a repetition of the block can be answered from memory, and which fields it then inserts.
    let repeatable = !this.sizeUpdates(block, end)
    let insertions = 0
    this.usedDynamic = false
    while (this.position < end) {
      const first = block[this.position++]
      let name: string
      let value: string
      if (first >= 0x80) {
        const index = first === 0xff ? this.integer(block, end, 0x7f) : first & 0x7f
        if (index <= staticLength) {
          if (index === 0) throw this.failure('index 0')
          name = staticNames[index]
          value = staticValues[index]
        } else {
          const at = this.dynamic(index)
          name = table.names[at]
          value = table.values[at]
        }
      } else if (first >= 0x40) {
        const index = first === 0x7f ? this.integer(block, end, 0x3f) : first & 0x3f
        name = index === 0 ? this.string(block, end, true) : this.nameAt(index)
        value = this.string(block, end, true)
        table.add(name, value)
        if (count < 31) insertions |= 1 << count
        else repeatable = false
      } else if (first >= 0x20) {
        throw this.failure('table size update after a field')
      } else {
        const index = (first & 0x0f) === 0x0f ? this.integer(block, end, 0x0f) : first & 0x0f
        name = index === 0 ? this.string(block, end, true) : this.nameAt(index)
        value = this.string(block, end, first < 0x10)
        if (first >= 0x10) {
          repeatable = false
          never ??= new Set()
          never.add(name)
          places ??= new Set()
          places.add(count)
        }
      }
      count++
      size += name.length + value.length + overhead
      if (exceeded === undefined) {
        if (size > maxListSize || count > maxFields) {
          exceeded = size > maxListSize ? 'bytes' : 'fields'
          fields = []
        } else {
          fields.push(name, value)
        }
      }
    }
    if (exceeded !== undefined) {
      this.forget()
      throw new HeaderListTooLargeError(exceeded, exceeded === 'bytes' ? maxListSize : maxFields, size, count)
    }
    this.neverIndexed = never ?? NO_NAMES
    this.neverIndexedFields = places ?? NO_PLACES
    if (repeatable && size <= LARGEST_REPEATED && !(this.usedDynamic && insertions !== 0)) {
      this.blocks.keep(block, start, end, this.usedDynamic ? table.generation : ANY_GENERATION, fields, insertions)
    }
    return fields
  }

  private forget(): void {
    this.neverIndexed = NO_NAMES
    this.neverIndexedFields = NO_PLACES
  }

  private failure(reason: string): HpackDecodingError {
    this.broken = true
    this.blocks.clear()
    return new HpackDecodingError(reason)
  }

  /** Ring position of the dynamic entry with wire index `index`. */
  private dynamic(index: number): number {
    const table = this.table
    this.usedDynamic = true
    const age = index - staticLength
    if (age > table.count) throw this.failure(`index ${index} is beyond both tables`)
    return (table.inserted - age) & table.mask
  }

  private nameAt(index: number): string {
    return index <= staticLength ? staticNames[index] : this.table.names[this.dynamic(index)]
  }

  /** The size updates at the head of a block (RFC 7541 section 4.2); returns whether there were any. */
  private sizeUpdates(block: Uint8Array, end: number): boolean {
    let updated = false
    while (this.position < end && (block[this.position] & 0xe0) === 0x20) {
      const first = block[this.position++]
      const size = first === 0x3f ? this.integer(block, end, 0x1f) : first & 0x1f
      if (size > this.maxTableSize) {
        throw this.failure(`table size ${size} is above the ${this.maxTableSize} allowed`)
      }
      if (size <= this.mustShrinkTo) this.mustShrinkTo = -1
      this.table.resize(size)
      updated = true
    }
    if (this.mustShrinkTo >= 0 && this.position < end) {
      throw this.failure('no table size update after the maximum was lowered')
    }
    return updated
  }

  /** The continuation of an integer whose prefix was all ones (RFC 7541 section 5.1): at most five octets. */
  private integer(block: Uint8Array, end: number, prefix: number): number {
    let value = prefix
    let factor = 1
    for (let octets = 0; octets < 5; octets++) {
      if (this.position >= end) throw this.failure('truncated integer')
      const octet = block[this.position++]
      value += (octet & 0x7f) * factor
      if (octet < 0x80) {
        if (value > MAX_INTEGER) break
        return value
      }
      factor *= 128
    }
    throw this.failure('integer too large')
  }

  /** A string literal (RFC 7541 section 5.2). `keep` allows the string to be remembered. */
  private string(block: Uint8Array, end: number, keep: boolean): string {
    if (this.position >= end) throw this.failure('truncated string')
    const first = block[this.position++]
    const length = (first & 0x7f) === 0x7f ? this.integer(block, end, 0x7f) : first & 0x7f
    const from = this.position
    const to = from + length
    if (to > end) throw this.failure('truncated string')
    this.position = to
    const huffman = first >= 0x80
    if (!keep || length < shortestString || length > longestString) return this.read(block, from, to, huffman)
    const strings = this.strings
    const known = strings.find(block, from, length, huffman)
    if (known !== undefined) return known
    const text = this.read(block, from, to, huffman)
    strings.keep(block, from, length, huffman, text)
    return text
  }

  private read(block: Uint8Array, from: number, to: number, huffman: boolean): string {
    if (!huffman) return latin1(block, from, to)
    const bound = decodedBound(to - from)
    const target = bound <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafeSlow(bound)
    const written = decodeHuffman(block, from, to, target)
    if (written < 0) throw this.failure('invalid Huffman code')
    return latin1(target, 0, written)
  }
}

/** Where Huffman-coded strings are decoded to; longer ones get a buffer of their own, which is not kept. */
const SCRATCH: Buffer = Buffer.allocUnsafeSlow(8192)

/** Buffer's own method: unlike `toString` it also works on a plain Uint8Array. */
const latin1Slice = (Buffer.prototype as unknown as { latin1Slice(start: number, end: number): string }).latin1Slice

/** The octets `source[start, end)` as a string. Up to eight, building it here is several times faster than the call. */
function latin1(source: Uint8Array, start: number, end: number): string {
  const one = String.fromCharCode
  const s = source
  const i = start
  switch (end - start) {
    case 1:
      return one(s[i])
    case 2:
      return one(s[i], s[i + 1])
    case 3:
      return one(s[i], s[i + 1], s[i + 2])
    case 4:
      return one(s[i], s[i + 1], s[i + 2], s[i + 3])
    case 5:
      return one(s[i], s[i + 1], s[i + 2], s[i + 3], s[i + 4])
    case 6:
      return one(s[i], s[i + 1], s[i + 2], s[i + 3], s[i + 4], s[i + 5])
    case 7:
      return one(s[i], s[i + 1], s[i + 2], s[i + 3], s[i + 4], s[i + 5], s[i + 6])
    case 8:
      return one(s[i], s[i + 1], s[i + 2], s[i + 3], s[i + 4], s[i + 5], s[i + 6], s[i + 7])
    case 0:
      return ''
    default:
      return latin1Slice.call(source, start, end)
  }
}
