/** Runs a test of fetch over each protocol. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFetch, type HyperFetch } from '../../../adapters/fetch.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

/** What a test of fetch works with. */
export interface FetchSet {
  readonly origin: TestOrigin
  readonly fetch: HyperFetch
  readonly url: (path: string) => string
  readonly protocol: 'HTTP/2' | 'HTTP/1.1'
}

/** Both protocols by name. */
export const protocols = [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const

/** A test for each protocol. */
export function both(name: string, run: (set: FetchSet) => Promise<void>, routes: Routes = {}): void {
  for (const [protocol, start] of protocols) {
    test(`${name} (${protocol})`, async () => {
      await using origin = await start(routes)
      await using fetch = createFetch({ tls: { ca: origin.ca } })
      await run({ origin, fetch, protocol, url: (path) => origin.origin + path })
    })
  }
}

/** What a promise rejects with. */
export function caught(promise: Promise<unknown>): Promise<Error & { cause: Error & { code?: string } }> {
  return promise.then(
    () => assert.fail('it did not reject'),
    (error) => error,
  )
}
