/**
 * The static table (RFC 7541 appendix A). Index 0 does not exist on the wire: both arrays hold an empty string there so
 * that wire indices are array indices.
 */

/** Number of entries; the first dynamic entry has the index after it (section 2.3.3). */
export const STATIC_TABLE_LENGTH = 61

/** Name by wire index, 1 to 61. */
export const STATIC_NAMES: readonly string[] = [
  '',
  ':authority',
  ':method',
  ':method',
  ':path',
  ':path',
  ':scheme',
  ':scheme',
  ':status',
  ':status',
  ':status',
  ':status',
  ':status',
  ':status',
  ':status',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'accept-ranges',
  'accept',
  'access-control-allow-origin',
  'age',
  'allow',
  'authorization',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'etag',
  'expect',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'link',
  'location',
  'max-forwards',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'referer',
  'refresh',
  'retry-after',
  'server',
  'set-cookie',
  'strict-transport-security',
  'transfer-encoding',
  'user-agent',
  'vary',
  'via',
  'www-authenticate',
]

const GIVEN_VALUES = new Map<number, string>([
  [2, 'GET'],
  [3, 'POST'],
  [4, '/'],
  [5, '/index.html'],
  [6, 'http'],
  [7, 'https'],
  [8, '200'],
  [9, '204'],
  [10, '206'],
  [11, '304'],
  [12, '400'],
  [13, '404'],
  [14, '500'],
  [16, 'gzip, deflate'],
])

/** Value by wire index, 1 to 61; most are empty. */
export const STATIC_VALUES: readonly string[] = STATIC_NAMES.map((_, index) => GIVEN_VALUES.get(index) ?? '')

/** What the static table knows of one name. */
export interface StaticName {
  /** Lowest index that carries the name. */
  readonly index: number
  /** Index of the entry with an empty value, 0 if there is none. A name has either that one entry or entries with values. */
  readonly empty: number
  /** Index by value, if there are entries with values. */
  readonly values: ReadonlyMap<string, number> | undefined
}

function indexByName(): ReadonlyMap<string, StaticName> {
  const byName = new Map<string, StaticName>()
  for (let index = STATIC_TABLE_LENGTH; index > 0; index--) {
    const name = STATIC_NAMES[index]
    const value = STATIC_VALUES[index]
    const values = new Map(byName.get(name)?.values)
    if (value === '') byName.set(name, { index, empty: index, values: undefined })
    else byName.set(name, { index, empty: 0, values: values.set(value, index) })
  }
  return byName
}

/** The static table by name, for encoders. */
export const STATIC_BY_NAME: ReadonlyMap<string, StaticName> = indexByName()
