/** undici's own Agent, on HTTP/1.1, against our dispatcher. */
import { Writable } from 'node:stream'
import { Agent, type Dispatcher, interceptors, request, stream, fetch as undiciFetch } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { testCertificate } from '../../support/certificate.ts'
import { brief, errorWords, fieldLines, type Outcome, type Run, type Runner, type Way } from './differential.ts'
import { observeFetch } from './run-fetch.ts'

type Ways = Readonly<Record<Way, Dispatcher>>

async function dispatchers(
  wrap: (dispatcher: Dispatcher) => Dispatcher = (it) => it,
): Promise<Ways & { all: Dispatcher[] }> {
  const { ca } = await testCertificate()
  const all = [
    new Agent({ connect: { ca }, allowH2: false }),
    new HyperDispatcher({ connect: { ca } }),
    new HyperDispatcher({ connect: { ca }, allowH2: false }),
  ] as const
  return { all: [...all], plain: wrap(all[0]), h2: wrap(all[1]), h1: wrap(all[2]) }
}

function toOptions(run: Run, dispatcher: Dispatcher): { dispatcher: Dispatcher } & Record<string, unknown> {
  const { method, headers, body, options, abort } = run
  return {
    dispatcher,
    headers,
    ...(method === undefined ? {} : { method }),
    ...(body === undefined ? {} : { body }),
    ...(abort === undefined ? {} : { signal: abort.signal }),
    ...options,
  }
}

function requester(ways: Ways & { all: Dispatcher[] }): Runner {
  return {
    async run(run) {
      const response = await request(run.url, toOptions(run, ways[run.way]))
      if (run.abortAt === 'headers') run.abort?.abort()
      const { statusCode, statusText, headers, body, trailers } = response
      const outcome: Outcome = { status: statusCode, statusText, headers: fieldLines(headers) }
      try {
        outcome.body = brief(await body.bytes())
      } catch (error) {
        outcome.bodyError = errorWords(error)
      }
      outcome.trailers = { ...trailers }
      return outcome
    },
    close: async () => {
      await Promise.all(ways.all.map((each) => each.destroy()))
    },
  }
}

export async function requestRunner(): Promise<Runner> {
  return requester(await dispatchers())
}

/** With undici's own interceptors on top, which must not notice what they stand on. */
export async function composedRunner(): Promise<Runner> {
  const { redirect, decompress, retry } = interceptors
  return requester(
    await dispatchers((it) =>
      it.compose(
        retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 1, statusCodes: [503] }),
        redirect({ maxRedirections: 5 }),
        decompress(),
      ),
    ),
  )
}

export async function streamRunner(): Promise<Runner> {
  const ways = await dispatchers()
  return {
    async run(run) {
      const outcome: Outcome = {}
      const chunks: Buffer[] = []
      const options = toOptions(run, ways[run.way]) as unknown as Parameters<typeof stream>[1]
      try {
        const { trailers } = await stream(run.url, options, ({ statusCode, headers }) => {
          Object.assign(outcome, { status: statusCode, headers: fieldLines(headers) })
          if (run.abortAt === 'headers') run.abort?.abort()
          return new Writable({
            write(chunk, _encoding, done) {
              chunks.push(chunk)
              done()
            },
          })
        })
        Object.assign(outcome, { trailers: { ...trailers }, body: brief(Buffer.concat(chunks)) })
      } catch (error) {
        outcome.error = errorWords(error)
      }
      return outcome
    },
    close: async () => {
      await Promise.all(ways.all.map((each) => each.destroy()))
    },
  }
}

export async function fetchRunner(): Promise<Runner> {
  const ways = await dispatchers()
  const fetch = undiciFetch as unknown as typeof globalThis.fetch
  return {
    run: (run) => observeFetch(fetch, run, { dispatcher: ways[run.way] }),
    close: async () => {
      await Promise.all(ways.all.map((each) => each.destroy()))
    },
  }
}
