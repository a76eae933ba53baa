/** got by its own transport against got over ours. */
import { Readable } from 'node:stream'
import got, { type Got, type OptionsInit, RequestError, type Response } from 'got'
import { hyperGot } from '../../../adapters/got.ts'
import { testCertificate } from '../../support/certificate.ts'
import { brief, errorWords, fieldLines, type Outcome, type Run, type Runner, type Way } from './differential.ts'

type Ways = Readonly<Record<Way, Got>>

async function clients(): Promise<{ ways: Ways; close: () => Promise<void> }> {
  const { ca } = await testCertificate()
  const base = got.extend({
    https: { certificateAuthority: ca },
    retry: { limit: 0, calculateDelay: ({ computedValue }) => (computedValue === 0 ? 0 : 1) },
  })
  const ours = [hyperGot({ headersTimeout: 0 }), hyperGot({ allowH2: false })] as const
  return {
    ways: { plain: base, h2: base.extend(ours[0]), h1: base.extend(ours[1]) },
    close: async () => {
      await Promise.all(ours.map((each) => each.close()))
    },
  }
}

function toOptions({ method, headers, body, options, abort }: Run): OptionsInit {
  return {
    headers,
    ...(method === undefined ? {} : { method: method as 'GET' }),
    ...(body === undefined ? {} : { body: body as string }),
    ...(abort === undefined ? {} : { signal: abort.signal }),
    ...options,
  }
}

function head(response: Response): Outcome {
  const { statusCode, statusMessage, headers, url, redirectUrls, requestUrl, retryCount, ok, complete, aborted } =
    response
  return {
    status: statusCode,
    statusText: statusMessage,
    headers: fieldLines(headers),
    url,
    requestUrl: String(requestUrl),
    redirects: redirectUrls.map(String),
    retryCount,
    ok,
    complete,
    aborted,
    rawNames: response.rawHeaders
      .filter((_, i) => i % 2 === 0)
      .filter((name) => !/^(date|connection|keep-alive|transfer-encoding)$/i.test(name))
      .map((name) => name.toLowerCase())
      .sort(),
    trailers: { ...response.trailers },
  }
}

function failed(error: unknown): Outcome {
  const outcome: Outcome = { error: errorWords(error) }
  if (error instanceof RequestError) {
    outcome.response = error.response && head(error.response as Response)
    outcome.body = error.response?.rawBody && brief(error.response.rawBody)
    outcome.retries = error.request?.retryCount
  }
  return outcome
}

export async function gotRunner(): Promise<Runner> {
  const { ways, close } = await clients()
  return {
    async run(run) {
      try {
        const call = ways[run.way](run.url, toOptions(run))
        if (run.abortAt === 'headers')
          call.on('downloadProgress', ({ transferred }) => transferred > 0 && run.abort?.abort())
        const response = await (call as unknown as Promise<Response>)
        const { body } = response as { body: unknown }
        return {
          ...head(response),
          raw: brief(response.rawBody),
          body: typeof body === 'string' ? brief(Buffer.from(body)) : body,
        }
      } catch (error) {
        return failed(error)
      }
    },
    close,
  }
}

export async function gotStreamRunner(): Promise<Runner> {
  const { ways, close } = await clients()
  return {
    async run(run) {
      const { body, method } = run
      const hints: unknown[] = []
      const chunks: Buffer[] = []
      let response: Response | undefined
      let progress: unknown
      try {
        const options = { ...toOptions(run), isStream: true as const }
        const stream = ways[run.way].stream(run.url, options)
        stream.on('response', (it: Response) => {
          response = it
          if (run.abortAt === 'headers') run.abort?.abort()
        })
        stream.on('uploadProgress', ({ percent, transferred, total }) => {
          progress = { percent, transferred, total }
        })
        // Without a body of the options, whoever calls writes one.
        if (
          method !== undefined &&
          !/^(GET|HEAD)$/.test(method) &&
          body === undefined &&
          !('json' in options || 'form' in options)
        ) {
          Readable.from([]).pipe(stream)
        }
        for await (const chunk of stream) chunks.push(chunk as Buffer)
        return { ...(response && head(response)), body: brief(Buffer.concat(chunks)), hints, progress }
      } catch (error) {
        return { ...failed(error), got: chunks.length > 0 }
      }
    },
    close,
  }
}
