/**
 * `HTTPHeaderMap`: header fields as they are, a list in order, with the comforts of a map.
 *
 * Rules
 * - Order and spelling are kept: {@link HTTPHeaderMap.raw} gives every field line just as it was added.
 * - Names are compared without regard to case.
 * - Seen canonically (iteration, `get`, `size`), names are in lower case, and a line that is a list of values, separated
 *   by commas (RFC 9110 section 5.6.1), is one entry a value; `set-cookie`, whose values hold commas, is not split (RFC 6265
 *   section 3). So are not dates, addresses, pseudo-header fields, and whatever else stands in quotation marks.
 * - Adding costs O(1), everything else O(n): a header section is short.
 */
import { InvalidArgumentError } from '../errors.ts'
import type { FieldList, FieldsInit } from '../headers/fields.ts'
import { flattenFields } from '../headers/fields.ts'

/** What a map can be made from: another map, `Headers`, an object, a flat list, or pairs. */
export type HeaderMapInit = HTTPHeaderMap | FieldsInit | Headers

/** Fields whose values hold commas that separate nothing. */
const UNSPLIT: ReadonlySet<string> = new Set([
  'set-cookie',
  'set-cookie2',
  'date',
  'expires',
  'last-modified',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'retry-after',
  'sunset',
  'memento-datetime',
  'accept-datetime',
  'user-agent',
  'server',
  'location',
  'content-location',
  'referer',
])

/** Header fields by name, in order. Names are compared without regard to case, and a name may have several values. */
export class HTTPHeaderMap implements Iterable<[string, string]> {
  private readonly lines: [name: string, value: string][] = []

  /** @throws {InvalidArgumentError} when something given is no list of fields, or a value is not text. */
  constructor(...inits: readonly (HeaderMapInit | null | undefined)[]) {
    for (const init of inits) this.merge(init)
  }

  /** Entries as they are seen canonically. */
  get size(): number {
    let count = 0
    for (const _ of this) count++
    return count
  }

  /** Appends a field line: the same name may stand there already. */
  append(name: string, value: string | number): this {
    this.lines.push(checkedLine(name, value))
    return this
  }

  /** Puts one line in the place of the first with this name and removes the others; without one, appends it. */
  replace(name: string, value: string | number): this {
    const line = checkedLine(name, value)
    const first = this.lines.findIndex((one) => same(one[0], name))
    this.delete(name)
    this.lines.splice(first === -1 ? this.lines.length : first, 0, line)
    return this
  }

  /** The same as {@link replace}, in the words of Map and Headers. */
  set(name: string, value: string | number): this {
    return this.replace(name, value)
  }

  /** Every value of a field, in order; an empty list when there is none. */
  get(name: string): string[]
  get<Default>(name: string, otherwise: Default): string[] | Default
  get(name: string, otherwise: unknown = []): unknown {
    const values: string[] = []
    for (const line of this.lines) if (same(line[0], name)) values.push(...split(line))
    return values.length === 0 ? otherwise : values
  }

  /** The values of a field joined by `, ` as one text, which is how most fields are read; undefined when there is none. */
  text(name: string): string | undefined {
    const values = this.lines.filter((line) => same(line[0], name)).map((line) => line[1])
    return values.length === 0 ? undefined : values.join(', ')
  }

  has(name: string): boolean {
    return this.lines.some((line) => same(line[0], name))
  }

  /** Removes every line of this name. @returns was there one? */
  delete(name: string): boolean {
    let kept = 0
    for (const line of this.lines) if (!same(line[0], name)) this.lines[kept++] = line
    const found = kept < this.lines.length
    this.lines.length = kept
    return found
  }

  /** Removes a field. @returns its values; `otherwise`, undefined unless given, when there were none. */
  pop(name: string): string[] | undefined
  pop<Default>(name: string, otherwise: Default): string[] | Default
  pop(name: string, otherwise?: unknown): unknown {
    const values = this.get(name)
    return this.delete(name) ? values : otherwise
  }

  /** Removes the last line. @returns it, canonical; undefined when the map is empty. */
  popItem(): [name: string, values: string[]] | undefined {
    const line = this.lines.pop()
    return line === undefined ? undefined : [line[0].toLowerCase(), split(line)]
  }

  /** The values of a field, which is appended first when there is none. */
  setDefault(name: string, value: string | number): string[] {
    if (!this.has(name)) this.append(name, value)
    return this.get(name)
  }

  clear(): void {
    this.lines.length = 0
  }

  /** Appends the lines of another map, raw, or of anything a map can be made from. Merging a map into itself does nothing. */
  merge(other: HeaderMapInit | null | undefined): this {
    if (other === this || other === null || other === undefined) return this
    // It has no fields of its own, and would be taken for an empty object.
    if (other instanceof Promise) {
      throw new InvalidArgumentError('Headers cannot be made from a promise: await it')
    }
    if (other instanceof HTTPHeaderMap) {
      for (const [name, value] of other.lines) this.lines.push([name, value])
      return this
    }
    const flat = flattenFields(other)
    for (let i = 0; i < flat.length; i += 2) this.append(flat[i], flat[i + 1])
    return this
  }

  /** Replaces each field that the other has. */
  update(other: HeaderMapInit): this {
    const incoming = new HTTPHeaderMap(other)
    for (const name of new Set(incoming.lines.map((line) => line[0].toLowerCase()))) {
      const lines = incoming.lines.filter((line) => same(line[0], name))
      this.replace(lines[0][0], lines[0][1])
      for (const line of lines.slice(1)) this.append(line[0], line[1])
    }
    return this
  }

  /** Canonical entries, one a value: names in lower case, lists split. */
  *[Symbol.iterator](): Generator<[string, string]> {
    for (const line of this.lines) {
      const name = line[0].toLowerCase()
      for (const value of split(line)) yield [name, value]
    }
  }

  /** As iteration. */
  entries(): Generator<[string, string]> {
    return this[Symbol.iterator]()
  }

  /** The name of every canonical entry; repeated names are repeated. */
  *keys(): Generator<string> {
    for (const [name] of this) yield name
  }

  /** The value of every canonical entry. */
  *values(): Generator<string> {
    for (const [, value] of this) yield value
  }

  /** The lines just as they were added. */
  *raw(): Generator<[string, string]> {
    for (const [name, value] of this.lines) yield [name, value]
  }

  /** Are these the same lines in the same order? Names are compared without regard to case. */
  equals(other: HTTPHeaderMap): boolean {
    if (other.lines.length !== this.lines.length) return false
    return this.lines.every(([name, value], i) => same(name, other.lines[i][0]) && value === other.lines[i][1])
  }

  /** A flat list, raw: name, value, name, value ... */
  toFlat(): FieldList {
    return this.lines.flat()
  }

  /** WHATWG Headers. @throws {TypeError} when a name or value is none that Headers takes. */
  toHeaders(): Headers {
    return new Headers(this.lines)
  }

  /** An object without a prototype: lower-case names; a name with several lines has the list of their values. */
  toObject(): Record<string, string | string[]> {
    const object: Record<string, string | string[]> = Object.create(null)
    for (const [spelt, value] of this.lines) {
      const name = spelt.toLowerCase()
      const known = object[name]
      if (known === undefined) object[name] = name === 'set-cookie' ? [value] : value
      else if (typeof known === 'string') object[name] = [known, value]
      else known.push(value)
    }
    return object
  }

  toJSON(): Record<string, string | string[]> {
    return this.toObject()
  }

  get [Symbol.toStringTag](): string {
    return 'HTTPHeaderMap'
  }

  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: unknown,
    inspect: typeof import('node:util').inspect,
  ): string {
    return `HTTPHeaderMap ${inspect(this.lines, options as import('node:util').InspectOptions)}`
  }
}

function checkedLine(name: unknown, value: unknown): [string, string] {
  if (typeof name !== 'string') throw new InvalidArgumentError('The name of a header must be text')
  if (typeof value === 'string' || typeof value === 'number') return [name, String(value)]
  throw new InvalidArgumentError(`The value of header ${JSON.stringify(name)} is not text`)
}

function same(a: string, b: string): boolean {
  return a.length === b.length && a.toLowerCase() === b.toLowerCase()
}

/** The values of one line: what commas outside of quotation marks separate. An empty line has one empty value. */
function split([name, value]: readonly [string, string]): string[] {
  const lower = name.toLowerCase()
  if (!value.includes(',') || name.startsWith(':') || UNSPLIT.has(lower)) return [value]
  // RFC 8288 section 3: addresses in angle brackets, which may hold commas.
  const hasAddresses = lower === 'link'
  const values: string[] = []
  let start = 0
  let quoted = false
  const take = (end: number): void => {
    const one = value.slice(start, end).trim()
    // RFC 9110 section 5.6.1.2: empty elements do not count.
    if (one !== '') values.push(one)
    start = end + 1
  }
  for (let i = 0; i < value.length; i++) {
    const char = value[i]
    if (char === '\\' && quoted) i++
    else if (char === '"') quoted = !quoted
    else if (char === '<' && !quoted && hasAddresses) i = Math.max(i, value.indexOf('>', i))
    else if (char === ',' && !quoted) take(i)
  }
  take(value.length)
  return values.length === 0 ? [''] : values
}
