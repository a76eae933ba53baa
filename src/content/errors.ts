/** What can go wrong with a coded body. */
import { HyperError, type HyperErrorOptions } from '../errors.ts'

/** The body is not what its `content-encoding` says, or ends too early. `cause` is zlib's error. */
export class ContentDecodingError extends HyperError {
  /** zlib's own code, for example `Z_DATA_ERROR` or `Z_BUF_ERROR`. */
  readonly systemCode: string | undefined

  constructor(message: string, options: HyperErrorOptions & { systemCode?: string | undefined } = {}) {
    super('ERR_HYPER_CONTENT_DECODING', message, options)
    this.systemCode = options.systemCode
  }
}

/** The decoded body is longer than allowed, or its header names too many codings. */
export class ContentLimitError extends HyperError {
  constructor(message: string, options: HyperErrorOptions = {}) {
    super('ERR_HYPER_CONTENT_LIMIT', message, options)
  }
}
