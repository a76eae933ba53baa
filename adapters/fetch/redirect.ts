/** What a redirect makes of a request (Fetch standard, HTTP-redirect fetch), and the ports that fetch does not speak to. */
import { becomesGet, FIELDS_OF_BODY, FIELDS_OF_ORIGIN } from '../../src/exchange/semantics.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { joinedField } from '../common/headers.ts'
import { policyOf, refererFor } from './referrer.ts'
import type { FetchMode, FetchRequest } from './request.ts'

/** The standard's number. */
export const redirectLimit = 20

/**
 * The request that follows.
 *
 * @throws Error or TypeError when the redirect must not be followed
 */
export function nextRequest(
  request: FetchRequest,
  status: number,
  location: string,
  response: FieldList,
): FetchRequest {
  const url = new URL(decodeLocation(location), request.url)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Error('URL scheme must be a HTTP(S) scheme')
  const { first, mode } = request
  if (url.username !== '' || url.password !== '') {
    // The request's own origin is a program's, which is that of no URL.
    if (mode === 'cors') {
      throw new Error('cross origin not allowed for request mode "cors"')
    }
    if (request.tainting === 'cors') throw new Error('URL cannot contain credentials for request mode "cors"')
  }
  if (url.hash === '') url.hash = request.url.hash
  let { method, body, fields } = request
  if (status !== 303 && body !== undefined && !body.replayable) {
    throw new Error('the request body is a stream, which cannot be sent again to follow the redirect')
  }
  if (becomesGet(status, method)) {
    method = 'GET'
    body = undefined
    fields = without(fields, FIELDS_OF_BODY)
  }
  if (url.origin !== request.url.origin) fields = without(fields, FIELDS_OF_ORIGIN)
  const tainting = request.tainting === 'basic' && url.origin === first.origin ? 'basic' : taintingOf(mode)
  const referrerPolicy = policyOf(joinedField(response, 'referrer-policy'), request.referrerPolicy)
  const referrer = refererFor(request.referrer, referrerPolicy, url)
  return { ...request, url, method, body, fields, tainting, referrer, referrerPolicy }
}

/**
 * What a mode makes of a response of another origin.
 *
 * @throws Error when it may not be had
 */
function taintingOf(mode: FetchMode): FetchRequest['tainting'] {
  if (mode === 'same-origin') throw new Error('request mode cannot be "same-origin"')
  return mode === 'no-cors' ? 'opaque' : 'cors'
}

/** Servers put UTF-8 into `location` although it is no ASCII; header values arrive as latin1. */
function decodeLocation(location: string): string {
  return /[^\x20-\x7e]/.test(location) ? Buffer.from(location, 'latin1').toString('utf8') : location
}

function without(fields: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (!names.has(fields[i])) kept.push(fields[i], fields[i + 1])
  }
  return kept
}

/** Ports of other protocols, to which a request could be made to speak (Fetch standard, section 2.9, port blocking). */
const badPorts = new Set(
  (
    '1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 ' +
    '137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 ' +
    '1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080'
  ).split(' '),
)

/** Is this a port that fetch refuses? */
export function isBadPort(url: URL): boolean {
  return url.port !== '' && badPorts.has(url.port)
}
