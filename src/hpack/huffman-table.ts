/**
 * The Huffman code (RFC 7541 appendix B) and the tables derived from it.
 *
 * The code is canonical: sorted by (length, symbol), every code is the one before it plus one, shifted to its own length.
 * So the 257 lengths say everything. The codes are computed from them when the module loads, the decoding tables when they are
 * first needed: computing them takes longer than loading everything else of this folder, and many programs import what they
 * never use.
 *
 * Decoding tables. ROOT is looked up with the next 12 bits of input. Nearly all text consists of codes of 5 to 8 bits, so
 * an entry yields two symbols where two complete codes fit into the 12 bits. Codes of 13 to 30 bits continue in
 * LONG tables, each looked up with 6 more bits (12 + 6 + 6 + 6 = 30, the longest code).
 *
 * An entry of ROOT or LONG is
 *   bits 0-4 number of bits that all its symbols take, where a shift of the accumulator finds it without masking,
 *   bits 5-8 length of the first code, 9-16 first symbol, 17-24 second symbol, 25-26 number of symbols (1 or 2);
 * or, where the code is longer than the bits looked at, the negated offset of a 64-entry table in LONG;
 * or 0 for EOS. In LONG the lengths count from the bits after the previous lookup.
 */

/** Length in bits of the code of each octet 0 to 255, and at 256 of EOS. */
export const HUFFMAN_LENGTHS: Uint8Array = Uint8Array.of(
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  30,
)

const EOS = 256
const SHORTEST = 5
const LONGEST = 30
export const ROOT_BITS = 12
export const LONG_BITS = 6

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(257)
  let code = 0
  for (let length = 1; length <= LONGEST; length++) {
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (HUFFMAN_LENGTHS[symbol] === length) codes[symbol] = code++
    }
    code *= 2
  }
  return codes
}

/** Code of each symbol, aligned to the least significant bit. */
export const HUFFMAN_CODES: Uint32Array = canonicalCodes()

function encodingPairs(): Int32Array {
  const pairs = new Int32Array(2 * EOS)
  for (let symbol = 0; symbol < EOS; symbol++) {
    pairs[2 * symbol] = HUFFMAN_CODES[symbol] << (32 - HUFFMAN_LENGTHS[symbol])
    pairs[2 * symbol + 1] = HUFFMAN_LENGTHS[symbol]
  }
  return pairs
}

/**
 * What encoding a symbol takes, side by side: at twice the symbol its code, aligned to the most significant bit of 32 so
 * that it shifts straight into an accumulator, and after it the length of the code.
 */
export const HUFFMAN_PAIRS: Int32Array = encodingPairs()

const oneSymbol = (symbol: number, length: number): number => length | (length << 5) | (symbol << 9) | (1 << 25)

/** Entries by the next 12 bits. */
export const HUFFMAN_ROOT: Int32Array = new Int32Array(1 << ROOT_BITS)

/** As many as there are: `fillLong` could not write more of them. */
const LONG_ENTRIES = 1472

/** Entries by 6 further bits, for codes longer than 12 bits. */
export const HUFFMAN_LONG: Int32Array = new Int32Array(LONG_ENTRIES)

/** Symbols with codes of at most `length` bits, shortest first. */
function symbolsUpTo(length: number): number[] {
  const symbols: number[] = []
  for (let symbol = 0; symbol < EOS; symbol++) if (HUFFMAN_LENGTHS[symbol] <= length) symbols.push(symbol)
  return symbols.sort((a, b) => HUFFMAN_LENGTHS[a] - HUFFMAN_LENGTHS[b])
}

function fillRoot(): void {
  const root = HUFFMAN_ROOT
  const put = (entry: number, from: number, bits: number): void => {
    for (let i = from, end = from + (1 << bits); i < end; i++) root[i] = entry
  }
  const seconds = symbolsUpTo(ROOT_BITS - SHORTEST)
  for (const first of symbolsUpTo(ROOT_BITS)) {
    const length = HUFFMAN_LENGTHS[first]
    const spare = ROOT_BITS - length
    const start = HUFFMAN_CODES[first] << spare
    put(oneSymbol(first, length), start, spare)
    for (const second of seconds) {
      const rest = spare - HUFFMAN_LENGTHS[second]
      if (rest < 0) break
      const entry = (ROOT_BITS - rest) | (length << 5) | (first << 9) | (second << 17) | (2 << 25)
      put(entry, start + (HUFFMAN_CODES[second] << rest), rest)
    }
  }
}

function fillLong(): void {
  const size = 1 << LONG_BITS
  // Offset 0 is not used, so that a negated offset is always below zero.
  const entries: number[] = new Array(size).fill(0)
  const below = (table: { [slot: number]: number }, slot: number): number => {
    if (table[slot] === 0) {
      table[slot] = -entries.length
      for (let i = 0; i < size; i++) entries.push(0)
    }
    return -table[slot]
  }
  for (let symbol = 0; symbol < EOS; symbol++) {
    const code = HUFFMAN_CODES[symbol]
    let left = HUFFMAN_LENGTHS[symbol] - ROOT_BITS
    if (left <= 0) continue
    let offset = below(HUFFMAN_ROOT, code >>> left)
    while (left > LONG_BITS) {
      left -= LONG_BITS
      offset = below(entries, offset + ((code >>> left) & (size - 1)))
    }
    const spare = LONG_BITS - left
    const start = offset + ((code << spare) & (size - 1))
    entries.fill(oneSymbol(symbol, left), start, start + (1 << spare))
  }
  HUFFMAN_LONG.set(entries)
}

/** Makes the decoding tables. Before, `HUFFMAN_ROOT[0]` is 0, and after that never again. */
export function fillDecodingTables(): void {
  fillRoot()
  fillLong()
}
