/** How a request of fetch stands on the wire: its target, and its header section with what Node's fetch adds to it. */
import type { FieldList } from '../../src/headers/fields.ts'
import { isTrustworthy } from './referrer.ts'
import { type FetchRequest, hasField } from './request.ts'

/** What Node's fetch says of itself; a server should see no difference. */
const defaults = [
  ['accept', '*/*'],
  ['accept-language', '*'],
  ['sec-fetch-mode', 'cors'],
  ['user-agent', 'node'],
] as const

const acceptEncoding = 'gzip, deflate, br, zstd'

/** As Node's: what stands between may not know what came later. */
const plainAcceptEncoding = 'gzip, deflate'

/** The header section of a request that brings none of its own: one list for all of them, so that it is encoded once. */
const onlyDefaults: FieldList = Object.freeze([...defaults.flat(), 'accept-encoding', acceptEncoding])

export function headerSection(request: FetchRequest): FieldList {
  const { fields, spellings, mode, referrer, url } = request
  const length = request.body?.length
  const trustworthy = isTrustworthy(url)
  if (
    fields.length === 0 &&
    length === undefined &&
    mode === 'cors' &&
    referrer === undefined &&
    url.protocol === 'https:'
  ) {
    return onlyDefaults
  }
  const section = fields.slice()
  for (const [name, value] of defaults) {
    if (name === 'sec-fetch-mode') {
      // It says how the request came about, so it is not the caller's; and nothing is said where others can hear.
      if (trustworthy) setField(section, name, mode)
    } else if (!hasField(fields, name)) {
      section.push(name, value)
    }
  }
  if (referrer !== undefined) section.push('referer', referrer.href)
  if (!hasField(fields, 'accept-encoding')) {
    section.push(
      'accept-encoding',
      hasField(fields, 'range') ? 'identity' : url.protocol === 'https:' ? acceptEncoding : plainAcceptEncoding,
    )
  }
  if (length !== undefined && !hasField(fields, 'content-length')) section.push('content-length', String(length))
  if (spellings !== undefined) {
    for (let i = 0; i < section.length; i += 2) section[i] = spellings.get(section[i]) ?? section[i]
  }
  return section
}

function setField(section: string[], name: string, value: string): void {
  for (let i = section.length - 2; i >= 0; i -= 2) {
    if (section[i] === name) section.splice(i, 2)
  }
  section.push(name, value)
}
