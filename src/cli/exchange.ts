/** One run of the command: what it asks, what it shows, and how it ends. */
import { isUtf8 } from 'node:buffer'
import { isUint8Array } from 'node:util/types'
import type { HTTPConnection } from '../client/http-connection.ts'
import type { HTTPResponse } from '../client/response.ts'
import { toError } from '../errors.ts'
import { ignore } from '../ignore.ts'
import type { CommandLine, Part } from './arguments.ts'
import { authorizationOf, credentialsFor } from './auth.ts'
import { type Content, compressed, contentOf, unmeasured, withFiles } from './body.ts'
import { homeFolder } from './config.ts'
import { needsPassphrase } from './connect.ts'
import { Conversation, type View } from './conversation.ts'
import { askForRest, type Part as FilePart, partOf, passOn, save } from './download.ts'
import { ExitCode, exitCodeOf, exitCodeOfStatus, UsageError } from './failures.ts'
import { readFormatOptions } from './format-options.ts'
import { messageOf } from './hints.ts'
import { describeTls, SettingsWatch } from './inspect.ts'
import { isCharset } from './media-types.ts'
import { Output } from './output.ts'
import { Painter } from './paint.ts'
import { isLoopback, TLS_PATIENCE, triesTls } from './probe.ts'
import { askSecret } from './prompt.ts'
import type { Exchanged } from './record.ts'
import { buildRequest, type CommandRequest, givenFields, mayReadStdin, stdinType, targetFor } from './request.ts'
import { type KeptAuth, Session } from './session.ts'
import { Sink } from './sink.ts'
import { bodyFrom, isReadable } from './stdin.ts'
import type { Surroundings } from './surroundings.ts'
import { type Target, withoutTls } from './target.ts'
import { harmless, harmlessLine } from './text.ts'
import { parseFormat, writeFormat } from './write-out.ts'

/** PINGs, unless --count says how many. */
const PINGS = 4

/** A request that is ready, and what it was made of. */
interface Prepared {
  readonly request: CommandRequest
  readonly auth: KeptAuth | undefined
  readonly part: FilePart | undefined
}

/** @returns the exit code. */
export async function perform(given: CommandLine, around: Surroundings): Promise<number> {
  const items = withFiles(given.items, homeFolder(around.env))
  const line = await withPassphrase({ ...given, items }, around)
  const { options } = line
  const format = options.format === undefined ? undefined : parseFormat(options.format)
  const target = targetFor(line)
  const session = await sessionFor(line, target, around)
  const view = viewFor(line, around)
  const conversation = new Conversation(line, session, view, around)
  const settings = options.settings ? new SettingsWatch() : undefined
  try {
    const found =
      options.offline || options.curl || options.code !== undefined
        ? target
        : await reached(target, line, conversation, around)
    const { request, auth, part } = await prepare(line, found, session, around)
    const ready = conversation.withCookies(request)
    if (options.offline) {
      await view.output.request(ready, line.protocol === 'h2' ? 'HTTP/2' : 'HTTP/1.1', view.parts, true)
      return ExitCode.OK
    }
    const how = options.curl ? 'curl' : options.code
    if (how !== undefined) {
      const code = await (await import('./as-code.ts')).asCode(ready, how, line, auth)
      // A cookie of a session is what a server made of it.
      await around.sink.write(around.sink.isTerminal ? harmless(code) : code)
      return ExitCode.OK
    }
    if (options.ping) {
      const connection = conversation.connectionTo(found.origin)
      await (await import('./ping.ts')).ping(connection, options.count ?? PINGS, around.sink, around.signal)
      return ExitCode.OK
    }
    if (options.count !== undefined) {
      const whole = await (await import('./load.ts')).load(line, ready, auth, around)
      return whole ? ExitCode.OK : ExitCode.ERROR
    }
    await keep(session, line, found, auth)
    const done = await conversation.run(request, auth)
    await conversation.reveal(done)
    done.code = await show(done, conversation, line, view, part, around)
    if (options.push) await showPushes(conversation.connectionTo(done.request.target.origin), view.output)
    done.lap.mark('done')
    if (options.tls) for (const row of describeTls(done.response.connection)) tell(around, row)
    if (format !== undefined) await writeFormat(format, conversation.exchanged, writer(around))
    return done.code
  } catch (error) {
    const last = conversation.exchanged.at(-1)
    if (format !== undefined && last !== undefined) {
      last.code = exitCodeOf(error)
      last.failure = messageOf(error)
      // The failure itself is what is told.
      await writeFormat(format, conversation.exchanged, writer(around)).catch(ignore)
    }
    throw error
  } finally {
    await view.output.finish().catch(ignore)
    if (view.output.sink !== around.sink) view.output.sink.release()
    await conversation.close()
    for (const row of settings?.stop() ?? []) tell(around, row)
    // What was shown without being sent changes nothing.
    if (conversation.exchanged.length > 0) await leave(conversation, session, line, around)
  }
}

function writer({ sink, stderr }: Surroundings): Parameters<typeof writeFormat>[2] {
  return async (to, text) => {
    if (to === 'stdout') await sink.write(sink.isTerminal ? harmless(text) : text)
    else stderr.write(harmless(text))
  }
}

/** The passphrase of an encrypted key is asked for, where there is somebody to ask. */
async function withPassphrase(line: CommandLine, { stdin, stderr, signal }: Surroundings): Promise<CommandLine> {
  if (stdin.isTTY !== true || !needsPassphrase(line)) return line
  const { options } = line
  const file = options['cert-key'] ?? options.cert
  const passphrase = await askSecret(`Passphrase of ${file}: `, stdin, stderr, signal)
  return { ...line, options: { ...options, 'cert-key-pass': passphrase } }
}

/** What stays behind: the session, and an archive. */
async function leave(
  { exchanged }: Conversation,
  session: Session,
  { options: { har } }: CommandLine,
  { version }: Surroundings,
): Promise<void> {
  session.save()
  if (har !== undefined) (await import('./har.ts')).writeHar(har, exchanged, version)
}

function tell({ stderr }: Surroundings, row: string): void {
  stderr.write(`${harmlessLine(row)}\n`)
}

/** What the server pushed along with the last request: its body is read, and not shown. */
async function showPushes(connection: HTTPConnection, output: Output): Promise<void> {
  const rows: string[] = []
  for await (const push of connection.getPushes(undefined, { captureAll: true })) {
    let octets = 0
    let status = 'no response'
    try {
      const response = await push.getResponse()
      for await (const chunk of response.readChunked()) octets += chunk.length
      status = String(response.status)
    } catch (error) {
      status = toError(error).message
    }
    rows.push(`pushed: ${push.method} ${push.scheme}://${push.authority}${push.path}: ${status}, ${octets} octets`)
  }
  await output.section(rows.length === 0 ? ['pushed: nothing'] : rows)
}

/** The output of the command; what is shown beside a download goes to standard error. */
function viewFor(line: CommandLine, around: Surroundings): View {
  const { options } = line
  const charset = options['response-charset']
  if (charset !== undefined && !isCharset(charset)) {
    throw new UsageError(`--response-charset: ${JSON.stringify(charset)} is not a known character set`)
  }
  const mime = options['response-mime']
  if (mime !== undefined && !/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+/.test(mime)) {
    throw new UsageError(`--response-mime takes a media type such as application/json, not ${JSON.stringify(mime)}`)
  }
  const sink = line.download ? new Sink(around.stderr, around.signal, ignore) : around.sink
  const painter = new Painter(sink.stream, line.pretty, { style: options.style, formats: readFormatOptions(options) })
  const output = new Output(sink, painter, { charset, mime, byLine: options.stream })
  const parts = line.parts ?? defaultParts(line, sink.isTerminal)
  return { output, parts, history: line.history ?? parts }
}

/** On a terminal head and body, elsewhere the body, unless that goes to a file; offline what would be sent. */
function defaultParts({ output, download, options }: CommandLine, isTerminal: boolean): ReadonlySet<Part> {
  if (options.offline) return new Set<Part>(['H', 'B'])
  const parts = new Set<Part>()
  if (isTerminal) parts.add('h')
  if (output === undefined && !download) parts.add('b')
  return parts
}

async function sessionFor({ options }: CommandLine, target: Target, { env }: Surroundings): Promise<Session> {
  const { session, 'session-read-only': readOnly } = options
  const name = session ?? readOnly
  return name === undefined ? Session.fleeting() : Session.open(name, target, env, readOnly !== undefined)
}

/** What the user gave is kept by a session. */
async function keep(session: Session, line: CommandLine, target: Target, auth: KeptAuth | undefined): Promise<void> {
  await session.keep(target.url.href, givenFields(line.items))
  if (line.options.auth !== undefined || target.credentials !== undefined) session.auth = auth
}

/** The target as it was meant: a server of this machine may speak no TLS. */
async function reached(
  target: Target,
  { options }: CommandLine,
  conversation: Conversation,
  around: Surroundings,
): Promise<Target> {
  if (!target.guessed || options['default-scheme'] !== undefined || !isLoopback(target.url.hostname)) return target
  if (conversation.goesByProxy(target.origin)) return target
  if (await triesTls(conversation.connectionTo(target.origin, { tlsTimeout: TLS_PATIENCE }), target)) return target
  const plain = withoutTls(target)
  around.note(`no TLS at ${target.authority}: asking ${plain.origin} instead`)
  return plain
}

async function prepare(line: CommandLine, target: Target, session: Session, around: Surroundings): Promise<Prepared> {
  const auth = await credentialsFor(line, target, session, around)
  const content = transformed(
    line,
    (await contentOf(line, homeFolder(around.env))) ?? (await contentOfStdin(line, around)),
  )
  const request = buildRequest(line, {
    target,
    content,
    kept: session.headers,
    authorization: authorizationOf(auth),
    version: around.version,
  })
  const part = partOf(line)
  if (part !== undefined) askForRest(request.headers, part, target.url.href, around.env)
  return { request, auth, part }
}

/** --compress and --chunked. */
function transformed({ options }: CommandLine, content: Content | undefined): Content | undefined {
  if (content === undefined) return undefined
  const { compress = 0, chunked } = options
  const coded = compress > 0 ? compressed(content, compress > 1) : content
  return chunked ? unmeasured(coded) : coded
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
    if (!isUint8Array(body)) {
      return body && { body, type, length: undefined, text: undefined, source, repeatable: false }
    }
    const text = isUtf8(body) ? Buffer.from(body).toString() : undefined
    return { body, type, length: body.length, text, source, repeatable: true }
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** Shows the last response. @returns the exit code. */
async function show(
  done: Exchanged & { response: HTTPResponse },
  conversation: Conversation,
  line: CommandLine,
  { output, parts }: View,
  part: FilePart | undefined,
  around: Surroundings,
): Promise<number> {
  const { response, request } = done
  const code = line.checkStatus ? judge(response, line, part, around) : ExitCode.OK
  let whole = true
  if (parts.has('h')) await output.responseHead(response)
  if (line.download && code !== ExitCode.OK) whole = await conversation.drain(done)
  else if (line.download && line.output === undefined && (line.options.output === '-' || around.sink.isRedirected)) {
    await passOn(response, conversation.body(done), around.sink, line.quiet, around)
  } else if (line.output !== undefined || line.download) {
    done.file = await save(response, conversation.body(done), request, line, part, around)
  } else if (parts.has('b')) whole = await output.responseBody(response, conversation.body(done))
  else if (line.quiet) for await (const _ of conversation.body(done));
  else whole = await conversation.drain(done)
  if (whole && parts.has('h')) await output.trailers(await response.trailers)
  if (parts.has('m')) await output.meta(response, around.watch.elapsed)
  return code
}

function judge(
  { status, version, reason }: HTTPResponse,
  { quiet, options, download }: CommandLine,
  part: FilePart | undefined,
  around: Surroundings,
): number {
  // That there is no more is no failure of going on; `save` looks at it.
  const code = part !== undefined && status === 416 ? ExitCode.OK : exitCodeOfStatus(status)
  if (code !== ExitCode.OK && (quiet || download || !around.sink.isTerminal) && (options.quiet ?? 0) < 2) {
    around.warn(`${version} ${status}${reason === '' ? '' : ` ${reason}`}`)
  }
  return code
}
