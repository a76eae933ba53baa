/** Origins (RFC 6454): read once, written in one canonical way. */
import { InvalidArgumentError } from '../errors.ts'

export interface Origin {
  /** `scheme://host[:port]`, the port left out when it is the scheme's own. */
  readonly href: string
  readonly scheme: 'http' | 'https'
  /** Host without brackets. */
  readonly host: string
  readonly port: number
  /** `host[:port]` as it stands in `:authority` and `host`. */
  readonly authority: string
}

/**
 * @throws {InvalidArgumentError} when the text is no http or https origin.
 */
export function parseOrigin(text: string): Origin {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new InvalidArgumentError(`Invalid origin: ${shown(text)}`)
  }
  const { protocol } = url
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new InvalidArgumentError(
      `Unsupported scheme ${JSON.stringify(protocol)} in ${shown(text)}: use http or https`,
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError(`An origin may not contain credentials: ${JSON.stringify(url.host)}`)
  }
  const scheme = protocol === 'https:' ? 'https' : 'http'
  const bracketed = url.hostname.startsWith('[')
  return {
    href: `${protocol}//${url.host}`,
    scheme,
    host: bracketed ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port),
    authority: url.host,
  }
}

/** The text without what may be credentials. */
function shown(text: string): string {
  return JSON.stringify(String(text).replace(/^.*@/s, '***@'))
}
