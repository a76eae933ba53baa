/** Node's own fetch against ours, and against itself with our dispatcher installed. */
import tls from 'node:tls'
import { createFetch, type HyperFetch } from '../../../adapters/fetch.ts'
import { HyperDispatcher, install } from '../../../adapters/undici.ts'
import { testCertificate } from '../../support/certificate.ts'
import { brief, errorWords, fieldLines, type Outcome, type Run, type Runner, type Way } from './differential.ts'

type Fetch = (input: string, init?: RequestInit) => Promise<Response>

/** Headers take pairs where a field is repeated. */
function pairs(headers: Run['headers']): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each): [string, string] => [name, each]),
  )
}

/** Calls a fetch, whosever it is, and tells what came of it. */
export async function observeFetch(fetch: Fetch, run: Run, more: object = {}): Promise<Outcome> {
  const { url, method, headers, body, options, abort, abortAt } = run
  const stream =
    typeof body === 'object' && body !== null && (body instanceof ReadableStream || Symbol.asyncIterator in body)
  const init = {
    ...(method === undefined ? {} : { method }),
    headers: pairs(headers),
    ...(body === undefined ? {} : { body: body as RequestInit['body'] & {} }),
    ...(stream ? { duplex: 'half' as const } : {}),
    ...(abort === undefined ? {} : { signal: abort.signal }),
    ...options,
    ...more,
  }
  const response = await fetch(url, init)
  if (abortAt === 'headers') abort?.abort()
  const { status, ok, redirected, type, statusText } = response
  const outcome: Outcome = {
    status,
    statusText,
    ok,
    redirected,
    type,
    url: response.url,
    headers: fieldLines(response.headers),
  }
  outcome.cookies = response.headers.getSetCookie()
  outcome.hasBody = response.body !== null
  try {
    outcome.body = brief(new Uint8Array(await response.arrayBuffer()))
  } catch (error) {
    outcome.bodyError = errorWords(error, true)
  }
  return outcome
}

/** Makes the whole process trust the tests' authority, as Node's own fetch takes no such option. */
async function trust(): Promise<string> {
  const { ca } = await testCertificate()
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca])
  return ca
}

export async function fetchRunner(): Promise<Runner> {
  const ca = await trust()
  const own = globalThis.fetch
  const ours: Record<Exclude<Way, 'plain'>, HyperFetch> = {
    h2: createFetch({ tls: { ca } }),
    h1: createFetch({ tls: { ca }, allowH2: false }),
  }
  // The first call takes the slot of the global dispatcher, which undici would claim when HTTP/1.1 first needs it.
  await own('http://localhost:1/').catch(() => {})
  return {
    run: (run) => observeFetch(run.way === 'plain' ? own : ours[run.way], run),
    close: async () => {
      await Promise.all([ours.h2.close(), ours.h1.close()])
    },
  }
}

export async function installedRunner(): Promise<Runner> {
  const ca = await trust()
  const slots = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')]
  const own = globalThis as unknown as Record<symbol, unknown>
  await fetch('http://localhost:1/').catch(() => {})
  const before = slots.map((slot) => own[slot])
  const ours = {
    h2: new HyperDispatcher({ connect: { ca } }),
    h1: new HyperDispatcher({ connect: { ca }, allowH2: false }),
  }
  return {
    async run(run) {
      if (run.way === 'plain')
        slots.forEach((slot, i) => {
          if (slot in globalThis) own[slot] = before[i]
        })
      else install(ours[run.way])
      return observeFetch(globalThis.fetch, run)
    },
    close: async () => {
      slots.forEach((slot, i) => {
        if (slot in globalThis) own[slot] = before[i]
      })
      await Promise.all([ours.h2.destroy(), ours.h1.destroy()])
    },
  }
}
