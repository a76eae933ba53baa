/**
 * The `priority` field and the value of PRIORITY_UPDATE (RFC 9218 sections 4 and 5): a dictionary of structured fields
 * (RFC 9651), of which two members are read, `u` (an integer) and `i` (a boolean). What cannot be understood is left at
 * its default, as section 4 asks.
 */

/** The two parameters of RFC 9218. */
export interface Priority {
  /** 0 (most urgent) to 7. Default 3. */
  readonly urgency: number
  /** May the response be processed piece by piece, and so share bandwidth with its equals? Default false. */
  readonly incremental: boolean
}

/** RFC 9218 sections 4.1 and 4.2. */
export const DEFAULT_PRIORITY: Priority = Object.freeze({ urgency: 3, incremental: false })

/** Reads a field value. A value that is no dictionary at all gives the defaults. */
export function parsePriority(value: string): Priority {
  let { urgency, incremental } = DEFAULT_PRIORITY
  for (const member of splitMembers(value)) {
    const found = /^([a-z*][a-z0-9_\-.*]*)(?:=([^;]*))?(?:;.*)?$/.exec(member)
    if (found === null) return DEFAULT_PRIORITY
    const [, name, text] = found
    if (name === 'u' && text !== undefined && /^[0-7]$/.test(text)) urgency = Number(text)
    else if (name === 'i' && (text === undefined || text === '?1' || text === '?0')) incremental = text !== '?0'
  }
  return { urgency, incremental }
}

/** Writes a field value; parameters at their defaults are left out, so the default priority is the empty text. */
export function serializePriority(priority: Partial<Priority>): string {
  const { urgency = DEFAULT_PRIORITY.urgency, incremental = false } = priority
  if (!Number.isInteger(urgency) || urgency < 0 || urgency > 7) {
    throw new RangeError(`The urgency ${urgency} is not a whole number from 0 to 7`)
  }
  const members: string[] = []
  if (urgency !== DEFAULT_PRIORITY.urgency) members.push(`u=${urgency}`)
  if (incremental) members.push('i')
  return members.join(', ')
}

/** The members of a dictionary: commas within strings do not part them. */
function splitMembers(value: string): string[] {
  const members = value.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? []
  return members.map((member) => member.trim()).filter((member) => member !== '')
}
