/** What an encoder remembers between blocks beside its dynamic table: names, recent literals, and positions. */

import { DynamicTable } from './dynamic-table.ts'
import { STATIC_BY_NAME, STATIC_TABLE_LENGTH } from './static-table.ts'

/** Names whose values mostly change from message to message. */
const VOLATILE_NAMES: ReadonlySet<string> = new Set([
  ':path',
  'content-range',
  'date',
  'etag',
  'expires',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'range',
  'referer',
  'retry-after',
  'traceparent',
  'tracestate',
  'x-request-id',
])

/** Names whose values are small numbers: they repeat by chance, and an index would save two or three octets. */
const UNINDEXED_NAMES: ReadonlySet<string> = new Set(['age', 'content-length'])

/** Added to the absolute number of a dynamic entry, so that a reference tells it from a static index. */
export const FIRST_DYNAMIC = STATIC_TABLE_LENGTH + 1

/** What the encoder knows of one name. */
export class NameState {
  readonly name: string
  /** Lowest index in the static table, 0 if none. */
  readonly staticIndex: number
  /** Never to be indexed, whatever the value. */
  readonly sensitive: boolean
  readonly cookie: boolean
  readonly unindexed: boolean
  readonly volatile: boolean
  /** Number of dynamic entries with this name, */
  live = 0
  /** and the absolute number of the newest of them. */
  newest = -1
  /** Insertions since one was last of use. */
  useless = 0
  private readonly staticEmpty: number
  private readonly staticValues: ReadonlyMap<string, number> | undefined
  /** Absolute numbers of the dynamic entries, by value. */
  private entries: Map<string, number> | undefined = undefined

  constructor(name: string, sensitive: boolean) {
    const known = STATIC_BY_NAME.get(name)
    this.name = name
    this.staticIndex = known === undefined ? 0 : known.index
    this.sensitive = sensitive
    this.cookie = name === 'cookie'
    this.unindexed = UNINDEXED_NAMES.has(name)
    this.volatile = VOLATILE_NAMES.has(name)
    this.staticEmpty = known === undefined ? 0 : known.empty
    this.staticValues = known?.values
  }

  /** The entry with this name and `value`: its static index, or its absolute number plus FIRST_DYNAMIC; 0 if there is none. */
  find(value: string): number {
    if (value === '' && this.staticEmpty !== 0) return this.staticEmpty
    const index = this.staticValues?.get(value)
    if (index !== undefined) return index
    if (this.live === 0) return 0
    const number = this.entries?.get(value)
    return number === undefined ? 0 : FIRST_DYNAMIC + number
  }

  inserted(value: string, number: number): void {
    this.entries ??= new Map()
    this.entries.set(value, number)
    this.newest = number
    this.live++
    this.useless++
  }

  evicted(value: string): void {
    this.entries?.delete(value)
    this.live--
  }
}

/** Names without an entry are forgotten when there are more than this and twice the entries of the table. */
const NAMES_KEPT = 256

/** The dynamic table with the look-up by name and value. */
export class EncoderTable extends DynamicTable {
  private readonly states: Map<string, NameState> = new Map()
  private readonly sensitiveNames: ReadonlySet<string>

  constructor(maxSize: number, sensitiveNames: ReadonlySet<string>) {
    super(maxSize)
    this.sensitiveNames = sensitiveNames
  }

  state(name: string): NameState {
    return this.states.get(name) ?? this.newState(name)
  }

  /** Inserts an entry that fits. */
  insert(state: NameState, value: string): void {
    this.add(state.name, value)
    state.inserted(value, this.inserted - 1)
  }

  protected override onEvict(at: number): void {
    this.state(this.names[at]).evicted(this.values[at])
  }

  private newState(name: string): NameState {
    const states = this.states
    if (states.size >= NAMES_KEPT + this.count * 2) {
      for (const state of states.values()) if (state.live === 0) states.delete(state.name)
    }
    const state = new NameState(name, this.sensitiveNames.has(name))
    states.set(name, state)
    return state
  }
}

const HISTORY = 64

/** The last literals of volatile names, each at the place that a hash of it chooses. */
export class History {
  private readonly names: string[] = new Array(HISTORY).fill('')
  private readonly values: string[] = new Array(HISTORY).fill('')

  /** Whether the pair is in the history; if not, it is now. */
  has(name: string, value: string): boolean {
    let hash = name.length
    // Up to 16 characters, evenly spread and with the last one: enough to tell paths and tags apart.
    const step = (value.length >> 4) + 1
    for (let i = value.length - 1; i >= 0; i -= step) hash = (hash * 31 + value.charCodeAt(i)) | 0
    const at = (hash ^ (hash >>> 6)) & (HISTORY - 1)
    if (this.values[at] === value && this.names[at] === name) return true
    this.names[at] = name
    this.values[at] = value
    return false
  }
}

/** How the field at one position of the list was last sent. */
export class Slot {
  name = ''
  value = ''
  /** The entry as `NameState.find` gave it. 0: a literal. -1: nothing to repeat. */
  reference = -1
  /** The octets of the literal, kept from the second time on; only of literals that refer to no dynamic entry. */
  octets: Uint8Array | undefined = undefined

  remember(name: string, value: string, reference: number): void {
    this.name = name
    this.value = value
    this.reference = reference
    this.octets = undefined
  }
}
