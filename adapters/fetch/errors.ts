/** What fetch rejects with: a TypeError whose `cause` says why, in the codes that users of Node's fetch look for. */
import { HyperError, toError } from '../../src/errors.ts'
import { systemError, undiciCode } from '../common/errors.ts'

/** Why a fetch failed, when no system error says it: `code` is undici's, `cause` the transport's error. */
export class FetchFailure extends Error {
  readonly code: string
  /** The HTTP/2 error code (RFC 9113 section 7), when the peer or we gave one. */
  readonly http2ErrorCode: number | undefined

  constructor(error: HyperError) {
    super(error.message, { cause: error })
    this.name = 'FetchFailure'
    this.code = undiciCode(error)
    const code: unknown = Reflect.get(error, 'http2ErrorCode')
    this.http2ErrorCode = typeof code === 'number' ? code : undefined
  }
}

/** No response came. */
export function fetchFailed(error: unknown): TypeError {
  return new TypeError('fetch failed', { cause: causeOf(error) })
}

/** The response's body broke off. */
export function terminated(error: unknown): TypeError {
  return new TypeError('terminated', { cause: causeOf(error) })
}

function causeOf(error: unknown): Error {
  const found = toError(error)
  if (!(found instanceof HyperError)) return found
  return systemError(found) ?? new FetchFailure(found)
}
