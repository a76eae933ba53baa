/** axios by its http adapter against our adapter. */
import { Agent } from 'node:https'
import { Readable } from 'node:stream'
import axios, { AxiosHeaders, type AxiosInstance, type AxiosResponse, isAxiosError } from 'axios'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { testCertificate } from '../../support/certificate.ts'
import { brief, errorWords, fieldLines, type Outcome, type Runner, type Way } from './differential.ts'

interface Sent {
  path?: string
  method?: string
  res?: { responseUrl?: string }
}

function head(response: AxiosResponse): Outcome {
  const { status, statusText, headers, request } = response
  const { path, method, res } = request as Sent
  return {
    status,
    statusText,
    headers: fieldLines({ ...headers }),
    url: res?.responseUrl,
    path,
    method,
    axiosHeaders: headers instanceof AxiosHeaders,
  }
}

async function dataOf(data: unknown): Promise<Outcome> {
  if (Buffer.isBuffer(data)) return { data: brief(data), type: 'Buffer' }
  if (data instanceof Blob) return { data: brief(await data.bytes()), type: 'Blob', blobType: data.type }
  if (data instanceof Readable) {
    try {
      return { data: brief(Buffer.concat(await data.toArray())), type: 'stream' }
    } catch (error) {
      return { streamError: errorWords(error), type: 'stream' }
    }
  }
  if (typeof data === 'string') return { data: brief(Buffer.from(data)), type: 'string' }
  return { data, type: typeof data }
}

export async function axiosRunner(): Promise<Runner> {
  const { ca } = await testCertificate()
  const adapters = [createHyperAdapter({ tls: { ca } }), createHyperAdapter({ tls: { ca }, allowH2: false })] as const
  const httpsAgent = new Agent({ ca })
  const ways: Record<Way, AxiosInstance> = {
    plain: axios.create({ adapter: 'http', httpsAgent, proxy: false }),
    h2: axios.create({ adapter: adapters[0], proxy: false }),
    h1: axios.create({ adapter: adapters[1], proxy: false }),
  }
  return {
    async run({ url, way, method, headers, body, options, abort, abortAt }) {
      const redirects: unknown[] = []
      const config = {
        url,
        headers,
        responseType: 'arraybuffer' as const,
        beforeRedirect: (next: Record<string, unknown>, { statusCode }: { statusCode: number }) => {
          redirects.push([statusCode, next.href, next.method])
        },
        ...(method === undefined ? {} : { method }),
        ...(body === undefined ? {} : { data: body }),
        ...(abort === undefined ? {} : { signal: abort.signal }),
        ...(abortAt === 'headers' ? { onDownloadProgress: () => abort?.abort() } : {}),
        ...options,
      }
      try {
        const response = await ways[way].request(config)
        return { ...head(response), ...(await dataOf(response.data)), redirects }
      } catch (error) {
        const outcome: Outcome = { error: errorWords(error), redirects }
        if (isAxiosError(error)) {
          outcome.errorStatus = error.status
          outcome.response = error.response && { ...head(error.response), ...(await dataOf(error.response.data)) }
        }
        return outcome
      }
    },
    close: async () => {
      await Promise.all(adapters.map((each) => each.close()))
    },
  }
}
