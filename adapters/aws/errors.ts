/** Our errors by the names and codes that the SDK's retry strategies know. */
import { HyperError, TimeoutError } from '../../src/errors.ts'
import { toNodeError } from '../common/errors.ts'

export function toAwsError(error: Error): Error {
  if (!(error instanceof HyperError)) return error
  const translated = toNodeError(error)
  // The SDK tries again what has this name.
  if (error instanceof TimeoutError) translated.name = 'TimeoutError'
  return translated
}
