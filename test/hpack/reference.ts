/**
 * A slow and plain HPACK in the words of RFC 7541, against which the real one is tested: bit by bit, arrays, no caches.
 * Also a builder of blocks, valid and invalid.
 */

/** RFC 7541 appendix B, as printed there: code in hexadecimal / length in bits, for the symbols 0 to 256. */
export const APPENDIX_B: readonly { code: number; length: number }[] = `
1ff8/13 7fffd8/23 fffffe2/28 fffffe3/28 fffffe4/28 fffffe5/28 fffffe6/28 fffffe7/28 fffffe8/28 ffffea/24
3ffffffc/30 fffffe9/28 fffffea/28 3ffffffd/30 fffffeb/28 fffffec/28 fffffed/28 fffffee/28 fffffef/28 ffffff0/28
ffffff1/28 ffffff2/28 3ffffffe/30 ffffff3/28 ffffff4/28 ffffff5/28 ffffff6/28 ffffff7/28 ffffff8/28 ffffff9/28
ffffffa/28 ffffffb/28 14/6 3f8/10 3f9/10 ffa/12 1ff9/13 15/6 f8/8 7fa/11 3fa/10 3fb/10 f9/8 7fb/11 fa/8 16/6
17/6 18/6 0/5 1/5 2/5 19/6 1a/6 1b/6 1c/6 1d/6 1e/6 1f/6 5c/7 fb/8 7ffc/15 20/6 ffb/12 3fc/10 1ffa/13 21/6 5d/7
5e/7 5f/7 60/7 61/7 62/7 63/7 64/7 65/7 66/7 67/7 68/7 69/7 6a/7 6b/7 6c/7 6d/7 6e/7 6f/7 70/7 71/7 72/7 fc/8
73/7 fd/8 1ffb/13 7fff0/19 1ffc/13 3ffc/14 22/6 7ffd/15 3/5 23/6 4/5 24/6 5/5 25/6 26/6 27/6 6/5 74/7 75/7 28/6
29/6 2a/6 7/5 2b/6 76/7 2c/6 8/5 9/5 2d/6 77/7 78/7 79/7 7a/7 7b/7 7ffe/15 7fc/11 3ffd/14 1ffd/13 ffffffc/28
fffe6/20 3fffd2/22 fffe7/20 fffe8/20 3fffd3/22 3fffd4/22 3fffd5/22 7fffd9/23 3fffd6/22 7fffda/23 7fffdb/23
7fffdc/23 7fffdd/23 7fffde/23 ffffeb/24 7fffdf/23 ffffec/24 ffffed/24 3fffd7/22 7fffe0/23 ffffee/24 7fffe1/23
7fffe2/23 7fffe3/23 7fffe4/23 1fffdc/21 3fffd8/22 7fffe5/23 3fffd9/22 7fffe6/23 7fffe7/23 ffffef/24 3fffda/22
1fffdd/21 fffe9/20 3fffdb/22 3fffdc/22 7fffe8/23 7fffe9/23 1fffde/21 7fffea/23 3fffdd/22 3fffde/22 fffff0/24
1fffdf/21 3fffdf/22 7fffeb/23 7fffec/23 1fffe0/21 1fffe1/21 3fffe0/22 1fffe2/21 7fffed/23 3fffe1/22 7fffee/23
7fffef/23 fffea/20 3fffe2/22 3fffe3/22 3fffe4/22 7ffff0/23 3fffe5/22 3fffe6/22 7ffff1/23 3ffffe0/26 3ffffe1/26
fffeb/20 7fff1/19 3fffe7/22 7ffff2/23 3fffe8/22 1ffffec/25 3ffffe2/26 3ffffe3/26 3ffffe4/26 7ffffde/27
7ffffdf/27 3ffffe5/26 fffff1/24 1ffffed/25 7fff2/19 1fffe3/21 3ffffe6/26 7ffffe0/27 7ffffe1/27 3ffffe7/26
7ffffe2/27 fffff2/24 1fffe4/21 1fffe5/21 3ffffe8/26 3ffffe9/26 ffffffd/28 7ffffe3/27 7ffffe4/27 7ffffe5/27
fffec/20 fffff3/24 fffed/20 1fffe6/21 3fffe9/22 1fffe7/21 1fffe8/21 7ffff3/23 3fffea/22 3fffeb/22 1ffffee/25
1ffffef/25 fffff4/24 fffff5/24 3ffffea/26 7ffff4/23 3ffffeb/26 7ffffe6/27 3ffffec/26 3ffffed/26 7ffffe7/27
7ffffe8/27 7ffffe9/27 7ffffea/27 7ffffeb/27 ffffffe/28 7ffffec/27 7ffffed/27 7ffffee/27 7ffffef/27 7fffff0/27
3ffffee/26 3fffffff/30
`
  .trim()
  .split(/\s+/)
  .map((entry) => {
    const [code, length] = entry.split('/')
    return { code: Number.parseInt(code, 16), length: Number(length) }
  })

const SYMBOL_BY_BITS = new Map(
  APPENDIX_B.map(({ code, length }, symbol) => [code.toString(2).padStart(length, '0'), symbol]),
)

/** The Huffman code of `text` as a string of zeros and ones, without padding. */
export function huffmanBits(text: string): string {
  return [...text].map((c) => bitsOf(c.charCodeAt(0))).join('')
}

/** The code of one symbol; 256 is EOS. */
export function bitsOf(symbol: number): string {
  const { code, length } = APPENDIX_B[symbol]
  return code.toString(2).padStart(length, '0')
}

/** Octets from a string of zeros and ones, padded with ones. */
export function octetsOf(bits: string): number[] {
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1')
  return (padded.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2))
}

function decodeBits(octets: Uint8Array): string {
  const bits = [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('')
  let text = ''
  let code = ''
  for (const bit of bits) {
    code += bit
    const symbol = SYMBOL_BY_BITS.get(code)
    if (symbol === undefined) continue
    if (symbol === 256) throw new Error('EOS')
    text += String.fromCharCode(symbol)
    code = ''
  }
  if (code.length > 7 || code.includes('0')) throw new Error('padding')
  return text
}

const STATIC: readonly (readonly [string, string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => [':status', status] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...`accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control
    content-disposition content-encoding content-language content-length content-location content-range content-type
    cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
    last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after
    server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate`
    .split(/\s+/)
    .map((name) => [name, ''] as const),
]

/** RFC 7541 appendix A. */
export const APPENDIX_A = STATIC

export class ReferenceDecoder {
  /** Newest first. */
  table: (readonly [string, string])[] = []
  tableMaximum: number
  /** The acknowledged setting. */
  setting: number
  neverIndexed = new Set<string>()
  private required = Number.POSITIVE_INFINITY
  private block: Uint8Array = new Uint8Array()
  private at = 0

  constructor(setting = 4096) {
    this.setting = setting
    this.tableMaximum = setting
  }

  get tableSize(): number {
    return this.table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
  }

  setMaxTableSize(size: number): void {
    this.setting = size
    if (size < this.tableMaximum) this.required = Math.min(this.required, size)
  }

  decode(block: Uint8Array): string[] {
    this.block = block
    this.at = 0
    this.neverIndexed = new Set()
    const list: string[] = []
    while (this.at < block.length) {
      const first = block[this.at]
      if ((first & 0xe0) === 0x20) {
        if (list.length > 0) throw new Error('late size update')
        const size = this.integer(5)
        if (size > this.setting) throw new Error('size above setting')
        if (size <= this.required) this.required = Number.POSITIVE_INFINITY
        this.tableMaximum = size
        this.evict(size)
        continue
      }
      if (this.required !== Number.POSITIVE_INFINITY) throw new Error('size update missing')
      if (first >= 0x80) {
        list.push(...this.entry(this.integer(7)))
        continue
      }
      const indexing = first >= 0x40
      const index = this.integer(indexing ? 6 : 4)
      const name = index === 0 ? this.string() : this.entry(index)[0]
      const value = this.string()
      list.push(name, value)
      if (indexing) {
        const size = name.length + value.length + 32
        this.evict(this.tableMaximum - size)
        if (size <= this.tableMaximum) this.table.unshift([name, value])
      } else if (first >= 0x10) {
        this.neverIndexed.add(name)
      }
    }
    return list
  }

  private evict(size: number): void {
    while (this.table.length > 0 && this.tableSize > size) this.table.pop()
  }

  private entry(index: number): readonly [string, string] {
    const entry = index > 61 ? this.table[index - 62] : STATIC[index - 1]
    if (entry === undefined) throw new Error('index')
    return entry
  }

  private octet(): number {
    if (this.at >= this.block.length) throw new Error('truncated')
    return this.block[this.at++]
  }

  private integer(prefixBits: number): number {
    const largest = 2 ** prefixBits - 1
    let value = this.octet() & largest
    if (value < largest) return value
    for (let octets = 0; ; octets++) {
      if (octets === 5) throw new Error('long integer')
      const octet = this.octet()
      value += (octet & 127) * 2 ** (7 * octets)
      if (octet < 128) break
    }
    if (value > 2 ** 31 - 1) throw new Error('large integer')
    return value
  }

  private string(): string {
    if (this.at >= this.block.length) throw new Error('truncated')
    const huffman = this.block[this.at] >= 128
    const length = this.integer(7)
    const octets = this.block.subarray(this.at, this.at + length)
    if (octets.length < length) throw new Error('truncated')
    this.at += length
    return huffman ? decodeBits(octets) : String.fromCharCode(...octets)
  }
}

/** An integer with `prefixBits` bits in its first octet, the rest of which is `pattern`. */
export function integer(value: number, prefixBits: number, pattern = 0): number[] {
  const largest = 2 ** prefixBits - 1
  if (value < largest) return [pattern | value]
  const octets = [pattern | largest]
  for (value -= largest; value >= 128; value = Math.floor(value / 128)) octets.push((value % 128) + 128)
  return [...octets, value]
}

/** A string literal. */
export function string(text: string, huffman = false): number[] {
  const octets = huffman ? octetsOf(huffmanBits(text)) : [...text].map((c) => c.charCodeAt(0))
  return [...integer(octets.length, 7, huffman ? 0x80 : 0), ...octets]
}

/** An indexed field. */
export const indexed = (index: number): number[] => integer(index, 7, 0x80)

/** A literal: `name` is an index or a string. */
export function literal(
  kind: 'indexing' | 'without' | 'never',
  name: number | string,
  value: string,
  huffman = false,
): number[] {
  const pattern = { indexing: 0x40, without: 0, never: 0x10 }[kind]
  const prefixBits = kind === 'indexing' ? 6 : 4
  return [
    ...integer(typeof name === 'number' ? name : 0, prefixBits, pattern),
    ...(typeof name === 'string' ? string(name, huffman) : []),
    ...string(value, huffman),
  ]
}

/** A dynamic table size update. */
export const sizeUpdate = (size: number): number[] => integer(size, 5, 0x20)

/** One block of several parts. */
export const block = (...parts: readonly number[][]): Buffer => Buffer.from(parts.flat())
