/**
 * The `priority` field and the value of PRIORITY_UPDATE (RFC 9218 sections 4 and 5): a dictionary of structured fields
 * (RFC 9651), of which two members are read, `u` (an integer) and `i` (a boolean). What cannot be understood is left at
 * its default, as section 4 asks.
 */
import { InvalidArgumentError } from '../errors.ts'
import { readDictionary } from './dictionary.ts'

/** The two parameters of RFC 9218. */
export interface Priority {
  /** 0 (most urgent) to 7. Default 3. */
  readonly urgency: number
  /** May the response be processed piece by piece, and so share bandwidth with its equals? Default false. */
  readonly incremental: boolean
}

/** RFC 9218 sections 4.1 and 4.2. */
export const DEFAULT_PRIORITY: Priority = Object.freeze({ urgency: 3, incremental: false })

/**
 * Reads a field value; several field lines are one value, joined with commas. Unknown members and parameters are ignored,
 * and so is a value of the wrong type or out of range; of two members with one name the later counts (RFC 9651 section
 * 3.2). A value that is no dictionary gives the defaults. Never throws.
 */
export function parsePriority(value: string): Priority {
  let { urgency, incremental } = DEFAULT_PRIORITY
  const good = readDictionary(value, (key, member) => {
    if (key === 'u') {
      const known = typeof member === 'number' && member >= 0 && member <= 7
      urgency = known ? member : DEFAULT_PRIORITY.urgency
    } else if (key === 'i') {
      incremental = typeof member === 'boolean' ? member : DEFAULT_PRIORITY.incremental
    }
  })
  return good ? { urgency, incremental } : DEFAULT_PRIORITY
}

/**
 * Writes a field value; parameters at their defaults are left out, so the default priority is the empty text.
 * @throws {InvalidArgumentError} when the urgency is no whole number from 0 to 7.
 */
export function serializePriority(priority: Partial<Priority>): string {
  const { urgency = DEFAULT_PRIORITY.urgency, incremental = false } = priority
  if (!Number.isInteger(urgency) || urgency < 0 || urgency > 7) {
    throw new InvalidArgumentError(`The urgency ${urgency} is not a whole number from 0 to 7`)
  }
  const members: string[] = []
  if (urgency !== DEFAULT_PRIORITY.urgency) members.push(`u=${urgency}`)
  if (incremental) members.push('i')
  return members.join(', ')
}
