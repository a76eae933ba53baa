/**
 * Field names as they come in: what each spelling means, found once and remembered.
 *
 * The memory is bounded by octets: so many names, none of them long. When it is full, all of it is forgotten: a peer that
 * sends a new name with each message costs itself a look at each, and others nothing for long.
 */
import { Buffer } from 'node:buffer'
import { LONGEST_REMEMBERED_NAME, MAX_REMEMBERED_NAMES } from '../limits.ts'

/** What a field does to the message that it stands in. */
export const Meaning = {
  PLAIN: 0,
  CONTENT_LENGTH: 1,
  TRANSFER_ENCODING: 2,
  CONNECTION: 3,
  KEEP_ALIVE: 4,
  UPGRADE: 5,
  HOST: 6,
  EXPECT: 7,
} as const

export interface KnownName {
  /** As it was sent. */
  readonly spelling: string
  /** In lower case: the very same string, if it was sent so. */
  readonly name: string
  readonly meaning: number
}

const meanings: ReadonlyMap<string, number> = new Map([
  ['content-length', Meaning.CONTENT_LENGTH],
  ['transfer-encoding', Meaning.TRANSFER_ENCODING],
  ['connection', Meaning.CONNECTION],
  ['keep-alive', Meaning.KEEP_ALIVE],
  ['upgrade', Meaning.UPGRADE],
  ['host', Meaning.HOST],
  ['expect', Meaning.EXPECT],
])

const remembered = new Map<string, KnownName>()

/** @param spelling a token. */
export function knownName(spelling: string): KnownName {
  return remembered.get(spelling) ?? learn(spelling)
}

function learn(spelling: string): KnownName {
  if (spelling.length > LONGEST_REMEMBERED_NAME) return describeName(spelling)
  if (remembered.size >= MAX_REMEMBERED_NAMES) remembered.clear()
  // A copy: a piece of a string keeps the whole string in memory, which is the head that it stood in.
  const known = describeName(Buffer.from(spelling, 'latin1').toString('latin1'))
  remembered.set(known.spelling, known)
  return known
}

function describeName(spelling: string): KnownName {
  const lower = spelling.toLowerCase()
  return {
    spelling,
    name: lower === spelling ? spelling : lower,
    meaning: meanings.get(lower) ?? Meaning.PLAIN,
  }
}

/** Names remembered now, for tests. @internal */
export function rememberedNames(): ReadonlyMap<string, KnownName> {
  return remembered
}
