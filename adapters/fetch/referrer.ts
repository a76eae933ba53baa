/**
 * The fields `referer` (Referrer Policy) and `sec-fetch-mode` (Fetch Metadata).
 *
 * A program has no page that it came from, so only a referrer that the caller gives is sent.
 */

/** What the policies decide on; `undefined`: no referrer. */
export type Referrer = URL | undefined

/** The policy where the caller names none. */
const defaultPolicy = 'strict-origin-when-cross-origin'

const policies = new Set([
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
])

/** The longest referrer that is sent whole, in characters (Referrer Policy, section 8.3). */
const maxLength = 4096

/** What is sent to `target` as the referrer: `source`, its origin, or nothing. */
export function refererFor(source: Referrer, policy: string, target: URL): Referrer {
  if (source === undefined || /^(?:about|blob|data):$/.test(source.protocol)) return undefined
  const origin = stripped(source, true)
  const full = stripped(source, false)
  const whole = full.href.length > maxLength ? origin : full
  const same = source.origin === target.origin
  const downgrade = isTrustworthy(source) && !isTrustworthy(target)
  switch (policy === '' ? defaultPolicy : policy) {
    case 'unsafe-url':
      return whole
    case 'origin':
      return origin
    case 'strict-origin':
      return downgrade ? undefined : origin
    case 'same-origin':
      return same ? whole : undefined
    case 'origin-when-cross-origin':
      return same ? whole : origin
    case 'no-referrer-when-downgrade':
      return downgrade ? undefined : whole
    case 'strict-origin-when-cross-origin':
      if (same) return whole
      return downgrade ? undefined : origin
    default:
      return undefined
  }
}

/** The policy that a response's `referrer-policy` asks for; `otherwise` when it asks for none that is known. */
export function policyOf(field: string | undefined, otherwise: string): string {
  const known = field?.split(',').map((token) => token.trim().toLowerCase())
  return known?.findLast((token) => policies.has(token)) ?? otherwise
}

/** Is what goes there safe from others' eyes (Secure Contexts, section 3.2)? */
export function isTrustworthy({ protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.|\.localhost$/.test(hostname)
}

function stripped(url: URL, originOnly: boolean): URL {
  const made = new URL(url)
  made.username = ''
  made.password = ''
  made.hash = ''
  if (originOnly) {
    made.pathname = ''
    made.search = ''
  }
  return made
}
