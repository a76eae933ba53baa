/** Redirects (RFC 9110 section 15.4), as the Fetch standard follows them. */
import { InvalidArgumentError, RedirectError } from '../errors.ts'
import type { ExchangeHandler, ExchangeRequest, Transport } from '../exchange/contract.ts'
import { FIELDS_OF_BODY, FIELDS_OF_ORIGIN, isRedirect } from '../exchange/semantics.ts'
import { type FieldList, flattenFields, getField } from '../headers/fields.ts'
import type { Wrapper } from './compose.ts'
import { isRepeatable, without } from './request.ts'
import { Rounds } from './rounds.ts'

/** Options of {@link redirects}. */
export interface RedirectOptions {
  /** How many are followed; one more is a RedirectError. Default 20, the Fetch standard's number. */
  readonly max?: number | undefined
}

/**
 * Follows redirects: 301 and 302 make a GET of a POST, 303 of everything but HEAD; 307 and 308 send the request again.
 * Fails with `RedirectError` for too many, for one to what is not http: or https:, and for a body that cannot be sent again.
 * @throws {InvalidArgumentError} when `max` is no whole number of 0 or more.
 */
export function redirects({ max = 20 }: RedirectOptions = {}): Wrapper {
  if (!Number.isInteger(max) || max < 0) throw new InvalidArgumentError(`max must be a whole number, not ${max}`)
  return (inner) => ({ dispatch: (request, handler) => new Redirected(inner, request, handler, max) })
}

class Redirected extends Rounds {
  private request: ExchangeRequest
  private readonly max: number
  private followed = 0

  constructor(inner: Transport, request: ExchangeRequest, handler: ExchangeHandler, max: number) {
    super(inner, request, handler)
    this.request = request
    this.max = max
    this.send(request)
  }

  protected override follow(status: number, headers: FieldList): ExchangeRequest | undefined {
    const location = getField(headers, 'location')
    if (location === undefined || !isRedirect(status)) return undefined
    const { origin } = this.request
    if (this.followed === this.max) throw new RedirectError(`More than ${this.max} redirects`, { origin })
    this.followed++
    this.request = redirected(this.request, status, location)
    return this.request
  }
}

function redirected(request: ExchangeRequest, status: number, location: string): ExchangeRequest {
  const { origin, path } = request
  // Servers put UTF-8 into `location` although it is no ASCII; values come as latin1.
  const text = Buffer.from(location, 'latin1').toString('utf8')
  const here = `${origin}${path === '*' ? '/' : path}`
  const url = URL.canParse(text, here) ? new URL(text, here) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new RedirectError(`A redirect to ${JSON.stringify(text)} cannot be followed`, { origin })
  }
  let { method, body, trailers } = request
  let headers = flattenFields(request.headers)
  const becomesGet = status === 303 ? method !== 'HEAD' : method === 'POST' && (status === 301 || status === 302)
  if (becomesGet) {
    method = 'GET'
    body = undefined
    trailers = undefined
    headers = without(headers, FIELDS_OF_BODY)
  } else if (!isRepeatable(body)) {
    throw new RedirectError('The body is a stream, and cannot be sent once more to where the redirect leads', {
      origin,
    })
  }
  if (url.origin !== new URL(origin).origin) headers = without(headers, FIELDS_OF_ORIGIN)
  return { ...request, origin: url.origin, path: `${url.pathname}${url.search}`, method, headers, body, trailers }
}
