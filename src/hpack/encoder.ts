/**
 * The encoder (RFC 7541 sections 4 to 6). Hot path: one loop over the fields, monomorphic state, no closure.
 *
 * What it sends for a field, in this order:
 * 1. Sensitive (see `EncoderOptions.sensitiveNames`): a never-indexed literal, even where a table holds the pair.
 * 2. Pair in a table: its index.
 * 3. Worth indexing: a literal that inserts the pair into the dynamic table.
 * 4. Otherwise: a literal that changes nothing.
 * Names go by index where a table has them, strings are Huffman-coded where that is shorter.
 *
 * Worth indexing. A table of 4 kB holds some 60 fields, and each insertion pushes the oldest out. A value that never comes
 * again costs the place of one that does, and a changing table also invalidates what both ends have cached. So a pair is
 * inserted at first sight only if its name is not known for changing values. Names that start as such are in
 * VOLATILE_NAMES of encoder-state.ts (`:path`, `etag`, ...); any other name becomes one when two insertions in a row were of no use, and stops
 * being one when an insertion was. A volatile pair is inserted when it is met again while still in a small history, so a
 * path that is requested over and over soon costs one octet, and paths requested once leave the table alone. Small numbers
 * (`content-length`, `age`) repeat by chance and save little: they are never inserted.
 *
 * Slots. Requests of one program are alike, field by field. For each position of the list a slot remembers name, value and
 * how they were sent; when the strings are the same the answer needs no look-up: the index, or, for a literal that never
 * changes (a bearer token, say), the very octets.
 */

import { InvalidArgumentError } from '../errors.ts'
import { HEADER_TABLE_SIZE } from '../limits.ts'
import { refuseUnknown } from '../option-names.ts'
import { checkSize, ENTRY_OVERHEAD, INITIAL_TABLE_SIZE } from './dynamic-table.ts'
import { EncoderTable, FIRST_DYNAMIC, History, type NameState, Slot } from './encoder-state.ts'
import { HpackEncodingError } from './errors.ts'
import { encodedLength, encodeHuffman } from './huffman.ts'
import { LONGEST_INTEGER, writeInteger } from './integer.ts'
import { STATIC_TABLE_LENGTH } from './static-table.ts'

// V8 folds a module's own constants into compiled code, but not imported ones.
const staticLength = STATIC_TABLE_LENGTH
const overhead = ENTRY_OVERHEAD
const firstDynamic = FIRST_DYNAMIC

/**
 * Names whose values are never indexed by default (RFC 7541 section 7.1.3): credentials, which someone who can add fields
 * to requests on the same connection could guess by watching sizes. `set-cookie` is among them because it hands out such
 * credentials, never repeats, and the never-indexed form costs no octet more than the plain literal.
 */
export const DEFAULT_SENSITIVE_NAMES: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'set-cookie',
])

/** A cookie shorter than this many characters is guessable, hence never indexed; a longer one has the entropy to be. */
const SHORT_COOKIE = 20

/** Insertions in a row without use after which a name counts as volatile. */
const USELESS_INSERTIONS = 2
/** Octets: what an index saves of a volatile field must be worth the place. */
const LEAST_VOLATILE_SAVING = 4
/** Octets of a literal that a slot keeps at most: more than any token, and a bound for memory. */
const LONGEST_KEPT = 4096
/** Positions of the list that have a slot. */
const SLOTS = 32
/** Octets: a scratch buffer that one large block made grow beyond this is not kept for the next. */
const SCRATCH_KEPT = 65_536
const SCRATCH = 1024

const MAX_SIZE = 0xffff_ffff

/**
 * Fields of one block that are to be sent as never-indexed: names, or places in the list, 0 being its first field.
 */
export type NeverIndex = ReadonlySet<string | number>

const OPTIONS: ReadonlySet<string> = new Set(['maxTableSize', 'sensitiveNames', 'indexing', 'huffman'])
const INDEXING: ReadonlySet<unknown> = new Set(['adaptive', 'always', 'never'])
const HUFFMAN: ReadonlySet<unknown> = new Set(['shorter', 'always', 'never'])

/** Options of an {@link Encoder}. */
export interface EncoderOptions {
  /** Octets of dynamic table this encoder is willing to keep, whatever the peer allows; default 4096. */
  readonly maxTableSize?: number
  /**
   * Names that are always sent as never-indexed literals; default DEFAULT_SENSITIVE_NAMES. Cookies of less than 20
   * characters always are.
   */
  readonly sensitiveNames?: ReadonlySet<string>
  /**
   * Which fields enter the dynamic table: 'adaptive' (default) those likely to come again, 'always' all that fit and are
   * not sensitive, 'never' none.
   */
  readonly indexing?: 'adaptive' | 'always' | 'never'
  /** When strings are Huffman-coded: 'shorter' (default) if that saves an octet, 'always', or 'never'. */
  readonly huffman?: 'shorter' | 'always' | 'never'
}

/** Encodes header blocks (RFC 7541). One for each direction of a connection; each block of it must be sent, in order. */
export class Encoder {
  /** Where `write` puts the block; replaced by a larger one when needed. */
  scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH)

  private readonly table: EncoderTable
  private readonly ownMaximum: number
  private readonly indexing: 'adaptive' | 'always' | 'never'
  private readonly huffman: 'shorter' | 'always' | 'never'
  private readonly slots: Slot[] = []
  private readonly history = new History()
  /** Octets a character can become at most: a Huffman code has up to 30 bits. */
  private readonly expansion: number
  /** Octets that indices of the present block can take at most. */
  private headroom = 0
  /** Whether all that is left of the present block is known to be encodable. */
  private checked = false
  /** Smallest size since the last block, to be announced before the present one; negative when nothing changed. */
  private smallest = -1

  /** @throws InvalidArgumentError naming the option that is unknown or has a value that it cannot have. */
  constructor(options: EncoderOptions = {}) {
    refuseUnknown(options, OPTIONS)
    const { maxTableSize = HEADER_TABLE_SIZE, sensitiveNames = DEFAULT_SENSITIVE_NAMES } = options
    this.ownMaximum = checkSize('maxTableSize', maxTableSize, MAX_SIZE)
    this.indexing = oneOf('indexing', options.indexing ?? 'adaptive', INDEXING)
    this.huffman = oneOf('huffman', options.huffman ?? 'shorter', HUFFMAN)
    if (typeof Object(sensitiveNames).has !== 'function') {
      throw new InvalidArgumentError('sensitiveNames must be a Set of names')
    }
    this.expansion = this.huffman === 'always' ? 4 : 1
    this.table = new EncoderTable(INITIAL_TABLE_SIZE, sensitiveNames)
    if (this.ownMaximum < INITIAL_TABLE_SIZE) this.setMaxTableSize(this.ownMaximum)
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
   * The peer's SETTINGS_HEADER_TABLE_SIZE in octets; what is used is at most our own maximum. The next block announces the
   * change: the smallest size since the last block and the present one (RFC 7541 section 4.2).
   * @throws InvalidArgumentError when `size` is not an integer from 0 to 2^32-1.
   */
  setMaxTableSize(size: number): void {
    const used = Math.min(checkSize('table size', size, MAX_SIZE), this.ownMaximum)
    if (used === this.table.maxSize) return
    if (this.smallest < 0 || used < this.smallest) this.smallest = used
    this.table.resize(used)
  }

  /**
   * Encodes one block into a copy of its own.
   * @throws HpackEncodingError see `write`.
   */
  encode(fields: readonly string[], neverIndex?: NeverIndex): Uint8Array {
    const length = this.write(fields, neverIndex)
    return new Uint8Array(this.scratch.subarray(0, length))
  }

  /**
   * Encodes one block, a flat list of names and values, into `scratch` from 0; returns its length in octets. The block must
   * be sent, and in this order: the peer's table follows ours. Fields in `neverIndex` are sent as never-indexed.
   * @throws HpackEncodingError when a name or value is no string, or has a character above U+00FF, or a value is missing;
   *   nothing has changed.
   */
  write(fields: readonly string[], neverIndex?: NeverIndex): number {
    const length = fields.length
    if (length % 2 !== 0) throw new HpackEncodingError(`${JSON.stringify(fields[length - 1])} has no value`)
    if (this.scratch.length > SCRATCH_KEPT) this.scratch = Buffer.allocUnsafeSlow(SCRATCH)
    // Room for every field to be an index; literals make their own room on top.
    this.headroom = (length / 2 + 2) * LONGEST_INTEGER
    this.reserve(0, 0)
    this.checked = false
    const slots = this.slots
    const table = this.table
    const plain = neverIndex === undefined || neverIndex.size === 0
    let position = this.smallest < 0 ? 0 : this.writeSizeUpdates()
    for (let i = 0; i < length; i += 2) {
      const name = fields[i]
      const value = fields[i + 1]
      if (!plain || i >= SLOTS * 2) {
        position = this.writeField(fields, i, position, neverIndex, undefined)
        continue
      }
      if (i >> 1 === slots.length) slots.push(new Slot())
      const slot = slots[i >> 1]
      if (slot.value === value && slot.name === name) {
        const reference = slot.reference
        if (reference > staticLength) {
          const age = table.inserted - reference + firstDynamic
          if (age <= table.count) {
            position = writeInteger(this.scratch, position, 0x80, 0x7f, staticLength + age)
            continue
          }
        } else if (reference > 0) {
          this.scratch[position++] = 0x80 | reference
          continue
        } else if (slot.octets !== undefined) {
          position = this.writeOctets(slot.octets, position)
          continue
        }
      }
      position = this.writeField(fields, i, position, neverIndex, slot)
    }
    this.smallest = -1
    return position
  }

  private writeField(
    fields: readonly string[],
    i: number,
    position: number,
    neverIndex: NeverIndex | undefined,
    slot: Slot | undefined,
  ): number {
    const name = fields[i]
    const value = fields[i + 1]
    if (typeof name !== 'string' || typeof value !== 'string') throw unencodable(name)
    const table = this.table
    const state = table.state(name)
    const never = neverIndex !== undefined && (neverIndex.has(name) || neverIndex.has(i >> 1))
    if (never || state.sensitive || (state.cookie && value.length < SHORT_COOKIE)) {
      return this.writeLiteral(0x10, state, value, position, slot)
    }
    const reference = state.find(value)
    if (reference !== 0) {
      if (slot !== undefined) slot.remember(name, value, reference)
      if (reference <= staticLength) {
        this.scratch[position] = 0x80 | reference
        return position + 1
      }
      state.useless = 0
      const index = staticLength + firstDynamic + table.inserted - reference
      return writeInteger(this.scratch, position, 0x80, 0x7f, index)
    }
    if (!this.worthIndexing(state, value)) return this.writeLiteral(0, state, value, position, slot)
    if (!this.checked) this.check(fields, i + 2)
    position = this.writeName(0x40, 0x3f, state, value, position)
    position = this.writeString(name, value, position)
    table.insert(state, value)
    return position
  }

  private worthIndexing(state: NameState, value: string): boolean {
    if (this.indexing === 'never') return false
    const name = state.name
    const size = name.length + value.length + overhead
    const maximum = this.table.maxSize
    if (this.indexing === 'always') return size <= maximum
    if (state.unindexed) return false
    // One that fills the table would leave nothing of what the other fields put there.
    if (size * 4 > maximum * 3) return false
    if (!state.volatile && state.useless < USELESS_INSERTIONS) return true
    const saving = state.staticIndex === 0 ? name.length + value.length : value.length
    return saving >= LEAST_VOLATILE_SAVING && this.history.has(name, value)
  }

  /** Refuses what cannot be encoded from `fields[i]` on, before the first change of the table. */
  private check(fields: readonly string[], i: number): void {
    const slots = this.slots
    for (; i < fields.length; i += 2) {
      const name = fields[i]
      const value = fields[i + 1]
      if (i >> 1 < slots.length) {
        const slot = slots[i >> 1]
        // Sent before, hence sound.
        if (slot.value === value && slot.name === name) continue
      }
      if (!encodable(name) || !encodable(value)) throw unencodable(name)
    }
    this.checked = true
  }

  /** A literal that is not inserted, with the pattern `pattern` (RFC 7541 sections 6.2.2 and 6.2.3). */
  private writeLiteral(
    pattern: number,
    state: NameState,
    value: string,
    position: number,
    slot: Slot | undefined,
  ): number {
    const name = state.name
    let end = this.writeName(pattern, 0x0f, state, value, position)
    end = this.writeString(name, value, end)
    if (slot !== undefined) {
      const again = slot.reference === 0 && slot.value === value && slot.name === name
      const constant = state.staticIndex !== 0 || state.live === 0
      slot.remember(name, value, constant ? 0 : -1)
      if (again && constant && end - position <= LONGEST_KEPT) {
        slot.octets = new Uint8Array(this.scratch.subarray(position, end))
      }
    }
    return end
  }

  /** Makes room for the field, then writes the pattern and the name: an index where a table has it, else a string. */
  private writeName(pattern: number, prefix: number, state: NameState, value: string, position: number): number {
    this.reserve(position, (state.name.length + value.length) * this.expansion)
    if (state.staticIndex !== 0) return writeInteger(this.scratch, position, pattern, prefix, state.staticIndex)
    if (state.live !== 0) {
      const index = staticLength + this.table.inserted - state.newest
      return writeInteger(this.scratch, position, pattern, prefix, index)
    }
    this.scratch[position] = pattern
    return this.writeString(state.name, state.name, position + 1)
  }

  /** A string literal (RFC 7541 section 5.2) of the field `name`. */
  private writeString(name: string, text: string, position: number): number {
    const scratch = this.scratch
    const length = text.length
    const huffman = this.huffman
    if (huffman === 'shorter' && length < 0x7f) {
      // Coded in one pass that gives up at the length of the plain string, which fits the prefix octet.
      const end = encodeHuffman(text, scratch, position + 1, position + length)
      if (end >= 0) {
        scratch[position] = 0x80 | (end - position - 1)
        return end
      }
    } else if (huffman !== 'never') {
      const coded = encodedLength(text)
      if (coded >= 0 && (coded < length || huffman === 'always')) {
        return encodeHuffman(text, scratch, writeInteger(this.scratch, position, 0x80, 0x7f, coded), scratch.length)
      }
    }
    position = writeInteger(this.scratch, position, 0, 0x7f, length)
    for (let i = 0; i < length; i++) {
      const octet = text.charCodeAt(i)
      if (octet > 0xff) throw unencodable(name)
      scratch[position++] = octet
    }
    return position
  }

  private writeOctets(octets: Uint8Array, position: number): number {
    this.reserve(position, octets.length)
    this.scratch.set(octets, position)
    return position + octets.length
  }

  private writeSizeUpdates(): number {
    const size = this.table.maxSize
    let position = 0
    if (this.smallest < size) position = writeInteger(this.scratch, position, 0x20, 0x1f, this.smallest)
    return writeInteger(this.scratch, position, 0x20, 0x1f, size)
  }

  /** Makes room for `length` octets from `position` on, beside the headroom. */
  private reserve(position: number, length: number): void {
    const needed = position + length + this.headroom
    if (needed <= this.scratch.length) return
    const larger = Buffer.allocUnsafeSlow(needed * 2)
    larger.set(this.scratch.subarray(0, position))
    this.scratch = larger
  }
}

function encodable(text: unknown): boolean {
  if (typeof text !== 'string') return false
  const length = text.length
  let all = 0
  for (let i = 0; i < length; i++) all |= text.charCodeAt(i)
  return all <= 0xff
}

function unencodable(name: string): HpackEncodingError {
  return new HpackEncodingError(
    `${JSON.stringify(name)} is not a string of characters up to U+00FF, or its value is not`,
  )
}

function oneOf<T>(name: string, value: T, allowed: ReadonlySet<unknown>): T {
  if (allowed.has(value)) return value
  const list = [...allowed].map((one) => `'${String(one)}'`).join(', ')
  throw new InvalidArgumentError(`${name} must be one of ${list}`)
}
