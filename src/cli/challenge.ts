/** `WWW-Authenticate`, read (RFC 9110 section 11.6.1): several challenges may stand in one field, with commas everywhere. */

export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>
}

const TOKEN = "[!#$%&'*+.^_`|~\\w-]+"

/** What cannot be understood ends the list: what stood before counts. */
export function parseChallenges(value: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  const next = new RegExp(
    `[\\s,]*(?:(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))(?=\\s*(?:,|$))|(${TOKEN})(?:[ \\t]+([\\w.~+/-]+=*)(?=\\s*(?:,|$)))?(?=\\s|,|$))`,
    'y',
  )
  for (let found = next.exec(value); found !== null; found = next.exec(value)) {
    const [, name, inQuotes, plain, scheme] = found
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() })
    else if (name !== undefined) {
      const last = challenges.at(-1)
      if (last === undefined) break
      last.parameters.set(name.toLowerCase(), plain ?? (inQuotes ?? '').replace(/\\(.)/g, '$1'))
    }
  }
  return challenges
}

/** As a quoted string. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
