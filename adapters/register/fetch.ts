/** `globalThis.fetch`. */
import { fetch } from '../fetch.ts'

/** @returns what puts back the fetch of before, unless somebody has put another in its place meanwhile. */
export function replaceFetch(isExcepted: ((origin: string) => boolean) | undefined): () => void {
  const before = globalThis.fetch
  const ours: typeof globalThis.fetch =
    isExcepted === undefined
      ? fetch
      : (input, init) => (isExcepted(urlOf(input)) ? before(input, init) : fetch(input as string | URL | Request, init))
  globalThis.fetch = ours
  return () => {
    if (globalThis.fetch === ours) globalThis.fetch = before
  }
}

function urlOf(input: Parameters<typeof globalThis.fetch>[0]): string {
  return typeof input === 'object' && 'url' in input ? input.url : String(input)
}
