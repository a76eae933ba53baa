/** One run of the command: the request, the redirects that it leads to, and what is shown of them. */
import { open } from 'node:fs/promises'
import { HTTPConnection } from '../client/http-connection.ts'
import type { HTTPResponse } from '../client/response.ts'
import { clearTimeout, setTimeout } from '../clock.ts'
import { toError } from '../errors.ts'
import type { CommandLine, Part } from './arguments.ts'
import { type Content, contentOf } from './body.ts'
import { connectionOptions } from './connect.ts'
import { ExitCode, exitCodeOfStatus, TooManyRedirectsError } from './failures.ts'
import { Output } from './output.ts'
import { Painter } from './paint.ts'
import { type Progress, showProgress } from './progress.ts'
import { completeCredentials } from './prompt.ts'
import { redirected } from './redirect.ts'
import { buildRequest, type CommandRequest, mayReadStdin, stdinType, targetFor } from './request.ts'
import { plainLength } from './show-body.ts'
import type { Sink, Stream } from './sink.ts'
import { bodyFrom, type Input, isReadable } from './stdin.ts'
import type { Stopwatch } from './timing.ts'

/** Octets of a body that nobody wants which are read: the trailers come behind it, and the connection can be used again. */
const MAX_DRAINED = 1 << 16

/** Milliseconds for that. */
const DRAIN_TIME = 1000

/** What a run works with. */
export interface Surroundings {
  readonly stdin: Input
  readonly sink: Sink
  readonly stderr: Stream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly signal: AbortSignal
  readonly watch: Stopwatch
  warn(message: string): void
}

/** @returns the exit code. */
export async function perform(line: CommandLine, around: Surroundings): Promise<number> {
  const optionsFor = connectionOptions(line, around.env)
  const connections = new Map<string, HTTPConnection>()
  const output = new Output(around.sink, new Painter(around.sink.stream, line.pretty))
  const parts = line.parts ?? defaultParts(line, around.sink.isTerminal)
  try {
    let request = await prepare(line, around)
    for (let redirects = 0; ; redirects++) {
      const { origin } = request.target
      const connection = connections.get(origin) ?? new HTTPConnection(origin, optionsFor(origin))
      connections.set(origin, connection)
      const shown = redirects === 0 || line.verbose ? parts : new Set<Part>()
      const response = await send(request, connection, output, shown, parts, around)
      const next = line.follow ? redirected(request, response) : undefined
      if (next === undefined) {
        await show(response, line, output, parts, around)
        return line.checkStatus ? judge(response, line, around) : ExitCode.OK
      }
      if (redirects === line.maxRedirects) {
        throw new TooManyRedirectsError(`too many redirects: more than ${line.maxRedirects} (--max-redirects)`)
      }
      if (line.verbose) await output.responseHead(response)
      // What becomes of it does not matter.
      await drain(response).catch(ignore)
      request = next
    }
  } finally {
    await output.finish().catch(ignore)
    await Promise.all([...connections.values()].map((connection) => connection.close()))
  }
}

/** On a terminal head and body, elsewhere the body, unless that goes to a file. */
function defaultParts({ output }: CommandLine, isTerminal: boolean): ReadonlySet<Part> {
  const parts = new Set<Part>()
  if (isTerminal) parts.add('h')
  if (output === undefined) parts.add('b')
  return parts
}

async function prepare(line: CommandLine, around: Surroundings): Promise<CommandRequest> {
  const target = targetFor(line)
  const credentials =
    line.auth === undefined
      ? target.credentials
      : await completeCredentials(line.auth, around.stdin, around.stderr, around.signal)
  const content = (await contentOf(line)) ?? (await contentOfStdin(line, around))
  return buildRequest(line, target, content, credentials, around.version)
}

async function contentOfStdin(line: CommandLine, { stdin, signal, warn }: Surroundings): Promise<Content | undefined> {
  if (!mayReadStdin(line) || !isReadable(stdin)) return undefined
  signal.throwIfAborted()
  const giveUp = (): void => {
    stdin.destroy()
  }
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    const body = await bodyFrom(stdin, warn)
    const source = 'standard input'
    const type = stdinType(line)
    return body && { body, type, length: undefined, text: undefined, source, repeatable: false }
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

async function send(
  request: CommandRequest,
  connection: HTTPConnection,
  output: Output,
  shown: ReadonlySet<Part>,
  parts: ReadonlySet<Part>,
  { signal, watch }: Surroundings,
): Promise<HTTPResponse> {
  const { method, target, headers, overrides, content } = request
  let shownSoFar = Promise.resolve()
  const id = await connection.request(method, target.path, {
    headers: [...overrides.raw(), ...headers.raw()],
    body: content?.body,
    signal,
    onInformational: (status, fields) => {
      if (!parts.has('h')) return
      // One after another, whoever reads is slow. A failure is told by what is written next.
      const version = connection.version ?? 'HTTP/2'
      shownSoFar = shownSoFar.then(() => output.informational(status, fields, version)).catch(ignore)
    },
  })
  shownSoFar = output.request(request, connection.version ?? 'HTTP/2', shown)
  await shownSoFar
  const response = await connection.getResponse(id)
  watch.firstByte()
  await shownSoFar
  return response
}

async function show(
  response: HTTPResponse,
  line: CommandLine,
  output: Output,
  parts: ReadonlySet<Part>,
  around: Surroundings,
): Promise<void> {
  let whole = true
  if (parts.has('h')) await output.responseHead(response)
  if (line.output !== undefined) await save(response, line.output, line.quiet, around)
  else if (parts.has('b')) whole = await output.responseBody(response)
  else if (line.quiet) await discard(response)
  else whole = await drain(response)
  if (whole && parts.has('h')) await output.trailers(await response.trailers)
  if (parts.has('m')) await output.meta(response, around.watch.elapsed)
}

/** The body goes to a file. */
async function save(
  response: HTTPResponse,
  path: string,
  quiet: boolean,
  { stderr, signal }: Surroundings,
): Promise<void> {
  let progress: Progress | undefined
  const failed = (error: unknown): never => {
    throw new Error(`${JSON.stringify(path)} cannot be written: ${toError(error).message}`, { cause: error })
  }
  const file = await open(path, 'w').catch(failed)
  try {
    if (!quiet) progress = await showProgress(stderr, plainLength(response))
    for await (const chunk of response.readChunked()) {
      signal.throwIfAborted()
      await file.writeFile(chunk).catch(failed)
      progress?.add(chunk.length)
    }
  } finally {
    progress?.stop()
    await file.close()
  }
}

/** Reads a body that is not shown, if it is short and comes soon. @returns was it read to its end? */
async function drain(response: HTTPResponse): Promise<boolean> {
  let octets = 0
  let late = false
  const timer = setTimeout(() => {
    late = true
    void response.close()
  }, DRAIN_TIME)
  try {
    for await (const chunk of response.readChunked({ decodeContent: false })) {
      octets += chunk.length
      if (octets > MAX_DRAINED) return false
    }
    return !late
  } catch (error) {
    if (late) return false
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function discard(response: HTTPResponse): Promise<void> {
  for await (const _ of response.readChunked()) {
    // Only its errors count.
  }
}

function judge({ status, version, reason }: HTTPResponse, { quiet }: CommandLine, around: Surroundings): number {
  const code = exitCodeOfStatus(status)
  if (code !== ExitCode.OK && (quiet || !around.sink.isTerminal)) {
    around.warn(`${version} ${status}${reason === '' ? '' : ` ${reason}`}`)
  }
  return code
}

function ignore(): void {
  // It is told by what follows.
}
