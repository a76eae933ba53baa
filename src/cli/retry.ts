/** --retry: what is worth another try, and when, as curl has it. */
import { dateNow } from '../clock.ts'
import { ConnectError, ConnectionLostError, GoawayError, StreamResetError, TimeoutError } from '../errors.ts'

/** Statuses that may be others soon. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

/** Milliseconds: the first wait, and the longest. */
const FIRST_WAIT = 1000
const LONGEST_WAIT = 600_000

export function isPassing(status: number): boolean {
  return PASSING.has(status)
}

/** Is it a failure of the network, which may not happen again? */
export function isPassingFailure(error: unknown): boolean {
  if (error instanceof ConnectError) return error.phase !== 'tls'
  return [TimeoutError, ConnectionLostError, GoawayError, StreamResetError].some((one) => error instanceof one)
}

/**
 * Milliseconds to wait.
 * @param tries that there were.
 * @param delay what the user says.
 * @param retryAfter the field of the response: seconds, or a date.
 */
export function waitBefore(tries: number, delay: number | undefined, retryAfter: string | undefined): number {
  const asked = retryAfter === undefined ? undefined : readRetryAfter(retryAfter)
  if (asked !== undefined) return Math.min(Math.max(asked, delay ?? 0), LONGEST_WAIT)
  return delay ?? Math.min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
}

function readRetryAfter(text: string): number | undefined {
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - dateNow())
}
