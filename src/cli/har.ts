/** --har: the requests of a run as an HTTP archive (HAR 1.2), which browsers and proxies read. */
import { writeFileSync } from 'node:fs'
import type { HTTPHeaderMap } from '../client/header-map.ts'
import { toError } from '../errors.ts'
import type { Exchanged } from './record.ts'
import { decodeOctets } from './text.ts'
import type { Lap, Step } from './timing.ts'

/** @throws {Error} when the file cannot be written. */
export function writeHar(path: string, all: readonly Exchanged[], version: string): void {
  const log = {
    version: '1.2',
    creator: { name: 'hyper', version },
    entries: all.map((one) => entry(one)),
  }
  try {
    writeFileSync(path, `${JSON.stringify({ log }, undefined, 2)}\n`, { mode: 0o600 })
  } catch (error) {
    throw new Error(`${JSON.stringify(path)} cannot be written: ${toError(error).message}`, { cause: error })
  }
}

function entry(one: Exchanged): object {
  const { request, response, lap } = one
  const { content, target, headers, method, overrides } = request
  const type = content?.type
  return {
    startedDateTime: new Date(lap.startedAt).toISOString(),
    time: lap.ends.get('done') ?? Math.max(0, ...lap.ends.values()),
    request: {
      method,
      url: target.url.href,
      httpVersion: response?.version ?? 'unknown',
      cookies: [],
      headers: pairs(overrides, headers),
      queryString: [...target.url.searchParams].map(([name, value]) => ({ name, value })),
      ...(content === undefined ? {} : { postData: { mimeType: type ?? '', text: content.text ?? '' } }),
      headersSize: -1,
      bodySize: one.sent,
    },
    response: {
      status: response?.status ?? 0,
      statusText: response?.reason ?? '',
      httpVersion: response?.version ?? 'unknown',
      cookies: [],
      headers: response === undefined ? [] : pairs(response.headers),
      content: contentOf(one),
      redirectURL: response?.headers.text('location') ?? '',
      headersSize: -1,
      bodySize: -1,
    },
    cache: {},
    timings: timings(lap),
    ...(response?.connection?.remoteAddress === undefined
      ? {}
      : { serverIPAddress: response.connection.remoteAddress }),
  }
}

function pairs(...maps: readonly HTTPHeaderMap[]): { name: string; value: string }[] {
  return maps.flatMap((map) => [...map.raw()].map(([name, value]) => ({ name, value: decodeOctets(value) })))
}

/** Text as it is; what is none in base64. Of a long body its beginning. */
function contentOf({ response, kept, received }: Exchanged): object {
  const octets = Buffer.concat(kept)
  const text = octets.toString()
  const isText = !text.includes('\ufffd')
  return {
    size: received,
    mimeType: response?.headers.text('content-type') ?? '',
    text: isText ? text : octets.toString('base64'),
    ...(isText ? {} : { encoding: 'base64' }),
    ...(octets.length < received ? { comment: `the first ${octets.length} octets` } : {}),
  }
}

/** In HAR connecting includes TLS; -1 is for what did not happen. */
function timings(lap: Lap): Record<string, number> {
  const took = new Map<Step, number>([...lap.spans()].map(({ step, from, to }) => [step, to - from]))
  const of = (step: Step): number => took.get(step) ?? -1
  const tcp = took.get('tcp')
  return {
    blocked: -1,
    dns: of('dns'),
    connect: tcp === undefined ? -1 : tcp + (took.get('tls') ?? 0) + (took.get('proxy') ?? 0),
    ssl: of('tls'),
    send: Math.max(0, of('sent')),
    wait: Math.max(0, of('first byte')),
    receive: Math.max(0, of('done')),
  }
}
