/** The transport's errors as axios's users know them. */
import { Readable } from 'node:stream'
import type { AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { ContentDecodingError } from '../../src/content/index.ts'
import {
  ConnectError,
  ContentLengthError,
  HyperError,
  ProxyError,
  StreamResetError,
  systemCodeOf,
} from '../../src/errors.ts'
import { isParserCode, toNodeError, undiciCode } from '../common/errors.ts'
import { option } from './option.ts'
import type { Realm } from './realm.ts'
import type { RequestView } from './request-view.ts'

/** The call that failed. Its view is undefined before a request of it was sent. */
export interface FailedCall {
  readonly config: InternalAxiosRequestConfig
  readonly realm: Realm
  readonly view: RequestView | undefined
}

/** Errors that axios made already, in whichever realm. */
export function isAxiosOwn(error: Error): boolean {
  return 'isAxiosError' in error || '__CANCEL__' in error
}

/** The stream that was the request's body was destroyed, and by no error: to axios whoever did that has cancelled. */
export function isUploadGivenUp(error: Error, data: unknown): boolean {
  if (Reflect.get(error, 'code') !== 'ERR_STREAM_PREMATURE_CLOSE') return false
  return data instanceof Readable && data.destroyed && !data.errored
}

/** What the transport, or the request's body, failed with. Once there is a response, it failed within its body. */
export function wireError(error: Error, { config, realm, view }: FailedCall, response?: AxiosResponse): Error {
  const { AxiosError } = realm
  if (error instanceof ContentDecodingError) {
    const failed = AxiosError.from(error, error.systemCode, config, view, response)
    failed.name = 'AxiosError'
    return failed
  }
  const code = codeOf(error)
  if (response !== undefined && error instanceof HyperError && !isParserCode(code)) {
    const message = `stream has been aborted: ${error.message}`
    const failed = new AxiosError(message, AxiosError.ERR_BAD_RESPONSE, config, view, response)
    Object.defineProperty(failed, 'cause', { value: error, configurable: true, writable: true })
    return failed
  }
  // Of a connection that could not be made people ask the cause for the system's `code`, `syscall`, `address` ...
  const bare = error instanceof ConnectError ? toNodeError(error) : error
  const failed = AxiosError.from(bare, code, config, view, response)
  // axios's own adapter takes a proxy's answer for the response; of a tunnel that was refused it has the status alone.
  if (error instanceof ProxyError && error.status !== undefined) failed.status = error.status
  // axios takes over the name of what it wraps, which from its own adapter is that of a plain error.
  if (error instanceof HyperError) failed.name = 'AxiosError'
  return failed
}

/** The caller takes no response of such a status. */
export function statusError(response: AxiosResponse, { config, realm, view }: FailedCall): Error {
  const { AxiosError } = realm
  const { status } = response
  const code = status >= 400 && status < 500 ? AxiosError.ERR_BAD_REQUEST : AxiosError.ERR_BAD_RESPONSE
  return new AxiosError(`Request failed with status code ${status}`, code, config, view, response)
}

export function bodyTooLong({ config, realm, view }: FailedCall): Error {
  const { AxiosError } = realm
  return new AxiosError('Request body larger than maxBodyLength limit', AxiosError.ERR_BAD_REQUEST, config, view)
}

/** @param limit octets. */
export function contentTooLong(limit: number, { config, realm, view }: FailedCall): Error {
  const { AxiosError } = realm
  return new AxiosError(`maxContentLength size of ${limit} exceeded`, AxiosError.ERR_BAD_RESPONSE, config, view)
}

/** @param timeout milliseconds. */
export function timeoutError(timeout: number, { config, realm, view }: FailedCall): Error {
  const { AxiosError } = realm
  const message = option(config, 'timeoutErrorMessage') || `timeout of ${timeout}ms exceeded`
  const code = config.transitional?.clarifyTimeoutError ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED
  return new AxiosError(String(message), code, config, view)
}

/** The code that axios's users compare with. */
function codeOf(error: Error): string | undefined {
  const code = systemCodeOf(toNodeError(error))
  switch (code) {
    case 'ERR_HYPER_INVALID_ARGUMENT':
      return 'ERR_BAD_REQUEST'
    // axios's users know these by the names that undici has for them.
    case 'ERR_HTTP2_ERROR':
      return 'UND_ERR_SOCKET'
    default:
      if (!(error instanceof HyperError)) return code
      if (error instanceof StreamResetError || error instanceof ContentLengthError) return undiciCode(error)
      return code === error.code ? undiciCode(error) : code
  }
}

/** A redirect that could not be followed, by the code that follow-redirects gives it. `cause` says why. */
export function redirectionError(cause: Error, { config, realm, view }: FailedCall): Error {
  const message = `Redirected request failed: ${cause.message}`
  const failed = new realm.AxiosError(message, 'ERR_FR_REDIRECTION_FAILURE', config, view)
  Object.defineProperty(failed, 'cause', { value: cause, configurable: true, writable: true })
  return failed
}
