/** What node:http says of a request before it is sent. */
import { HyperError } from '../../src/errors.ts'

/**
 * What node:http would have said of a request that the transport refused: `ERR_INVALID_HTTP_TOKEN`, `ERR_INVALID_CHAR`.
 * Asked only once it was refused, so that nothing is checked twice of a request that is right.
 */
export function nodeRefusal(
  error: Error,
  method: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Error | undefined {
  if (!(error instanceof HyperError) || error.code !== 'ERR_HYPER_INVALID_ARGUMENT') return undefined
  const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http')
  // The types leave out its second parameter, which the message begins with.
  const checkName: (name: string, label?: string) => void = validateHeaderName
  try {
    checkName(method, 'Method')
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined) continue
      checkName(name)
      for (const one of Array.isArray(value) ? value : [value]) validateHeaderValue(name, one)
    }
    return undefined
  } catch (refused) {
    return refused as Error
  }
}
