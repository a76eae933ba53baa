/**
 * Bodies that go to files: --output, --download, --continue.
 *
 * Rules
 * - A file that the user named is written anew; one that is named by the server or the URL is never one that is there.
 * - What has come before a failure stays, and it is said how to go on.
 * - Going on needs an answer of 206 that begins just where the file ends. Whatever else comes leaves the file as it is.
 * - Which version of a resource a part belongs to is noted in the folder of the configuration when the rest has not come, so
 *   that going on asks for just that version (If-Range).
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { HTTPHeaderMap } from '../client/header-map.ts'
import type { HTTPResponse } from '../client/response.ts'
import { systemCodeOf, toError } from '../errors.ts'
import type { CommandLine } from './arguments.ts'
import { configFolder, type Environment } from './config.ts'
import { numbered, proposedName } from './filename.ts'
import { amount, type Progress, showProgress } from './progress.ts'
import type { CommandRequest } from './request.ts'
import { plainLength } from './show-body.ts'
import type { Sink, Stream } from './sink.ts'

/** Names that are tried before it is given up to find one that is free. */
const MAX_NAMES = 10_000

export interface DownloadSurroundings {
  readonly stderr: Stream
  readonly env: Environment
  readonly signal: AbortSignal
  /** A line on standard error, unless nothing is to be said. */
  note(message: string): void
}

/** What is known of a file that is to be gone on with. */
export interface Part {
  readonly path: string
  readonly size: number
}

/** The part that is there; undefined when there is nothing to go on with. */
export function partOf(line: CommandLine): Part | undefined {
  if (!line.options.continue || line.output === undefined) return undefined
  try {
    const stat = statSync(line.output)
    return stat.isFile() && stat.size > 0 ? { path: line.output, size: stat.size } : undefined
  } catch {
    return undefined
  }
}

/** Asks for the rest. */
export function askForRest(headers: HTTPHeaderMap, { path, size }: Part, url: string, env: Environment): void {
  headers.replace('range', `bytes=${size}-`)
  headers.replace('accept-encoding', 'identity')
  const validator = readValidator(path, url, env)
  if (validator !== undefined && !headers.has('if-range')) headers.replace('if-range', validator)
}

/** Hands the body of a download to standard output, which somebody reads: it has no name then. */
export async function passOn(
  response: HTTPResponse,
  body: AsyncIterable<Uint8Array>,
  sink: Sink,
  quiet: boolean,
  around: DownloadSurroundings,
): Promise<void> {
  const progress = quiet ? undefined : await showProgress(around.stderr, plainLength(response))
  let octets = 0
  try {
    for await (const chunk of body) {
      around.signal.throwIfAborted()
      await sink.write(chunk)
      octets += chunk.length
      progress?.add(chunk.length)
    }
  } catch (error) {
    progress?.stop(false)
    throw error
  }
  progress?.stop(true)
  around.note(`written to standard output, ${amount(octets)}; -o FILE writes to a file`)
}

/**
 * Writes the body of a response to its file.
 * @returns the path.
 */
export async function save(
  response: HTTPResponse,
  body: AsyncIterable<Uint8Array>,
  request: CommandRequest,
  line: CommandLine,
  part: Part | undefined,
  around: DownloadSurroundings,
): Promise<string> {
  const { status, headers } = response
  const whole = part !== undefined && status === 416 && /^bytes \*\/(\d+)$/.exec(headers.text('content-range') ?? '')
  if (whole && Number(whole[1]) === part?.size) {
    await response.close()
    around.note(`${JSON.stringify(part.path)} is complete already`)
    forgetValidator(part.path, around.env)
    return part.path
  }
  const rest = part === undefined ? undefined : await restOf(response, part)
  const { path, file } = await openFor(response, request, line, part)
  const url = request.target.url.href
  const known = rest?.total ?? plainLength(response)
  const failed = (error: unknown): never => {
    throw new Error(`${JSON.stringify(path)} cannot be written: ${toError(error).message}`, { cause: error })
  }
  let octets = part?.size ?? 0
  let progress: Progress | undefined
  try {
    if (!line.quiet) progress = await showProgress(around.stderr, known, octets)
    for await (const chunk of body) {
      around.signal.throwIfAborted()
      await file.writeFile(chunk).catch(failed)
      octets += chunk.length
      progress?.add(chunk.length)
    }
    if (rest !== undefined && octets !== rest.end + 1) {
      throw new Error(`the server announced octets up to ${rest.end}, but sent them up to ${octets - 1}`)
    }
  } catch (error) {
    progress?.stop(false)
    const where = JSON.stringify(path)
    if (octets > 0) {
      if (part === undefined) noteValidator(path, url, headers, around.env)
      around.note(`${where} holds ${amount(octets)}, which is not all; to resume: -c -o ${where}`)
    }
    throw error
  } finally {
    progress?.stop(true)
    await file.close()
  }
  forgetValidator(path, around.env)
  if (line.download) around.note(`saved to ${JSON.stringify(path)}, ${amount(octets)}`)
  return path
}

interface Rest {
  /** The last octet. */
  readonly end: number
  readonly total: number | undefined
}

/** @throws {Error} when the response is not the rest of the part. */
async function restOf(response: HTTPResponse, { path, size }: Part): Promise<Rest> {
  const refuse = async (why: string): Promise<never> => {
    await response.close()
    throw new Error(`${why}; ${JSON.stringify(path)} was not changed. Leave out --continue to download all of it again`)
  }
  const { status, headers } = response
  if (status === 200)
    return refuse('the server sends the whole file: it has changed, or the server does not support ranges')
  if (status !== 206) return refuse(`the server answers ${status} to a request for the rest`)
  const range = headers.text('content-range')
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(range ?? '')
  if (match === null)
    return refuse(`the server sends a part and does not say which (content-range: ${range ?? 'none'})`)
  const [start, end] = [Number(match[1]), Number(match[2])]
  const total = match[3] === '*' ? undefined : Number(match[3])
  if (start !== size) return refuse(`the server sends octets from ${start}, and the file ends before ${size}`)
  if (end < start || (total !== undefined && end >= total))
    return refuse(`the server sends an invalid range (${range})`)
  const coding = headers.text('content-encoding')
  if (coding !== undefined && !/^identity$/i.test(coding)) return refuse(`the server sends a part of ${coding} data`)
  return { end, total }
}

async function openFor(
  response: HTTPResponse,
  request: CommandRequest,
  line: CommandLine,
  part: Part | undefined,
): Promise<{ path: string; file: FileHandle }> {
  const { output } = line
  const failed = async (path: string, error: unknown): Promise<never> => {
    await response.close()
    throw new Error(`${JSON.stringify(path)} cannot be written: ${toError(error).message}`, { cause: error })
  }
  if (output !== undefined) {
    const file = await open(output, part === undefined ? 'w' : 'a').catch((error: unknown) => failed(output, error))
    return { path: output, file }
  }
  const { headers } = response
  const name = await proposedName(
    headers.text('content-disposition'),
    request.target.path,
    headers.text('content-type'),
  )
  for (let number = 0; number < MAX_NAMES; number++) {
    const path = numbered(name, number)
    try {
      // Whatever is there, a link included, is not opened.
      return { path, file: await open(path, 'wx') }
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') return failed(path, error)
    }
  }
  return failed(name, new Error(`${MAX_NAMES} files with that name exist already`))
}

function noteOf(path: string, env: Environment): string | undefined {
  const folder = configFolder(env)
  if (folder === undefined) return undefined
  return join(folder, 'parts', `${createHash('sha256').update(resolve(path)).digest('hex').slice(0, 32)}.json`)
}

/** A strong validator of what is being written (RFC 9110 section 13.1.5). */
function noteValidator(path: string, url: string, headers: HTTPHeaderMap, env: Environment): void {
  const note = noteOf(path, env)
  const etag = headers.text('etag')
  const validator = etag !== undefined && !etag.startsWith('W/') ? etag : headers.text('last-modified')
  if (note === undefined) return
  try {
    rmSync(note, { force: true })
    if (validator === undefined) return
    mkdirSync(join(note, '..'), { recursive: true, mode: 0o700 })
    writeFileSync(note, JSON.stringify({ path: resolve(path), url, validator }), { mode: 0o600 })
  } catch {
    // Going on works without it.
  }
}

function readValidator(path: string, url: string, env: Environment): string | undefined {
  const note = noteOf(path, env)
  if (note === undefined) return undefined
  try {
    const kept: unknown = JSON.parse(readFileSync(note, 'utf8'))
    const { url: before, validator } = Object(kept)
    return before === url && typeof validator === 'string' ? validator : undefined
  } catch {
    return undefined
  }
}

function forgetValidator(path: string, env: Environment): void {
  const note = noteOf(path, env)
  if (note !== undefined) rmSync(note, { force: true })
}
