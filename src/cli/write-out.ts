/** --format, curl's -w: text with variables, written when all is done. */
import { readFileSync } from 'node:fs'
import { toError } from '../errors.ts'
import { UsageError } from './failures.ts'
import type { Exchanged } from './record.ts'
import { decodeOctets } from './text.ts'
import type { Step } from './timing.ts'

type Read = (last: Exchanged, all: readonly Exchanged[]) => string | number | undefined

const header =
  (name: string): Read =>
  ({ response }) => {
    const value = response?.headers.text(name)
    return value === undefined ? undefined : decodeOctets(value)
  }

/** Seconds, as curl counts: from the beginning to the end of a step; what did not happen is 0. */
const time =
  (...steps: readonly Step[]): Read =>
  ({ lap }) => {
    const known = steps.map((step) => lap.ends.get(step)).find((end) => end !== undefined)
    return ((known ?? 0) / 1000).toFixed(6)
  }

const speed = (octets: number, { lap }: Exchanged): number =>
  Math.round(octets / Math.max((lap.ends.get('done') ?? 0) / 1000, 0.001))

const status: Read = ({ response }) => String(response?.status ?? 0).padStart(3, '0')

/** Each variable, as curl names it. */
const VARIABLES: Readonly<Record<string, Read>> = {
  http_code: status,
  response_code: status,
  http_version: ({ response }) => (response === undefined ? '0' : response.version.replace('HTTP/', '')),
  content_type: header('content-type'),
  method: ({ request }) => request.method,
  scheme: ({ request }) => request.target.url.protocol.slice(0, -1),
  url: (_, [first]) => first.request.target.url.href,
  url_effective: ({ request }) => request.target.url.href,
  urlnum: () => 0,
  num_redirects: (_, all) => all.length - 1,
  redirect_url: ({ response, request }) => {
    const location = response?.headers.text('location')
    return location !== undefined && URL.canParse(location, request.target.url.href)
      ? new URL(location, request.target.url).href
      : undefined
  },
  num_headers: ({ response }) => (response === undefined ? 0 : [...response.headers.raw()].length),
  remote_ip: ({ response }) => response?.connection?.remoteAddress,
  remote_port: ({ response }) => response?.connection?.remotePort,
  local_ip: ({ response }) => response?.connection?.localAddress,
  local_port: ({ response }) => response?.connection?.localPort,
  size_download: ({ received }) => received,
  size_upload: ({ sent }) => sent,
  speed_download: (last) => speed(last.received, last),
  speed_upload: (last) => speed(last.sent, last),
  filename_effective: ({ file }) => file,
  time_namelookup: time('dns'),
  time_connect: time('tcp'),
  time_appconnect: time('tls'),
  time_pretransfer: time('tls', 'proxy', 'tcp'),
  time_posttransfer: time('sent'),
  time_starttransfer: time('first byte'),
  time_total: time('done'),
  time_redirect: (last, [first]) => ((last.lap.start - first.lap.start) / 1000).toFixed(6),
  header_json: ({ response }) => JSON.stringify(response?.headers.toJSON() ?? {}),
  exitcode: ({ code }) => code,
  errormsg: ({ failure }) => failure,
}

const LETTERS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }

/** A piece of the text: itself, or what is put in its place. */
type Piece = string | Read | { readonly to: 'stdout' | 'stderr' }

/** @throws {UsageError} naming the variable that is unknown, or the file that cannot be read. */
export function parseFormat(given: string): Piece[] {
  let text = given
  if (given.startsWith('@')) {
    try {
      text = readFileSync(given.slice(1), 'utf8')
    } catch (error) {
      throw new UsageError(`--format ${JSON.stringify(given)} cannot be read: ${toError(error).message}`)
    }
  }
  const pieces: Piece[] = []
  let end = 0
  for (const match of text.matchAll(/%%|%header\{([^}]*)\}|%\{([^}]*)\}|\\([nrt\\])/g)) {
    pieces.push(text.slice(end, match.index))
    end = match.index + match[0].length
    const [whole, field, name, letter] = match
    if (letter !== undefined) pieces.push(LETTERS[letter])
    else if (whole === '%%') pieces.push('%')
    else if (field !== undefined) pieces.push(header(field))
    else if (name === 'stdout' || name === 'stderr') pieces.push({ to: name })
    else if (name === 'json') pieces.push(asJson)
    else if (name !== undefined && Object.hasOwn(VARIABLES, name)) pieces.push(VARIABLES[name])
    else throw new UsageError(`--format: ${JSON.stringify(whole)} is unknown; docs/command.md has all variables`)
  }
  pieces.push(text.slice(end))
  return pieces
}

const asJson: Read = (last, all) =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(VARIABLES)
        .filter(([name]) => name !== 'header_json')
        .map(([name, read]) => {
          const value = read(last, all) ?? null
          return [name, name.startsWith('time_') || name.endsWith('_code') ? Number(value) : value]
        }),
    ),
  )

/** Writes it. */
export async function writeFormat(
  pieces: readonly Piece[],
  all: readonly Exchanged[],
  write: (to: 'stdout' | 'stderr', text: string) => Promise<void> | void,
): Promise<void> {
  const last = all.at(-1)
  let to: 'stdout' | 'stderr' = 'stdout'
  for (const piece of pieces) {
    if (typeof piece === 'string') await write(to, piece)
    else if (typeof piece !== 'function') to = piece.to
    else if (last !== undefined) await write(to, String(piece(last, all) ?? ''))
  }
}
