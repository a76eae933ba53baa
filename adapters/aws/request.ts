/** The SDK's request as the parts of an exchange. */
import type { Body } from '../../src/exchange/contract.ts'
import { bytesOf } from '../../src/exchange/source.ts'

/** A request in the SDK's shape (`HttpRequest` of its protocol package). */
export interface AwsRequest {
  /** The method, in upper case. */
  readonly method: string
  /** With its colon. */
  readonly protocol: string
  /** A name or an address. */
  readonly hostname: string
  /** Default: the one of `protocol`. */
  readonly port?: number | undefined
  /** The path, encoded, without the query. */
  readonly path: string
  /** The query, not encoded; an array stands for several parameters of one name, null for one without a value. */
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined
  /** Fields by name. */
  readonly headers: Readonly<Record<string, string>>
  /** Text, bytes, a Blob or a stream. Default: none. */
  readonly body?: Body | null | undefined
  /** For basic authentication, where no `authorization` field is given. */
  readonly username?: string | undefined
  /** For basic authentication. */
  readonly password?: string | undefined
}

/** The SDK's own handlers send the octets of any view. */
export function bodyOf({ body }: AwsRequest): Body | null {
  return body == null ? null : (bytesOf(body) ?? body)
}

export function originOf({ protocol, hostname, port }: AwsRequest): string {
  return `${protocol}//${hostname}${port ? `:${port}` : ''}`
}

/** Path and query; the query as it was signed: sorted, each part encoded by RFC 3986. */
export function pathOf({ path, query }: AwsRequest): string {
  const parts: string[] = []
  for (const key of Object.keys(query ?? {}).sort()) {
    const value = query?.[key]
    const name = encode(key)
    if (Array.isArray(value)) for (const one of value) parts.push(`${name}=${encode(String(one))}`)
    else if (value !== undefined) parts.push(value === null ? name : `${name}=${encode(String(value))}`)
  }
  const encoded = parts.join('&')
  return encoded === '' ? path : `${path}?${encoded}`
}

/** `expect` asks for a round trip before the body, which the SDK's HTTP/2 handler does not wait for either. */
export function requestFields({ headers, username, password }: AwsRequest): string[] {
  const fields: string[] = []
  let authorised = false
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    if (lower === 'expect') continue
    if (lower === 'authorization') authorised = true
    fields.push(lower === ':authority' ? 'host' : name, String(value))
  }
  if (!authorised && (username != null || password != null)) {
    const credentials = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')
    fields.push('authorization', `Basic ${credentials}`)
  }
  return fields
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}
