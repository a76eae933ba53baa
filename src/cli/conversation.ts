/**
 * The requests of one run: the first, and those that it leads to, by redirects, challenges and retries.
 *
 * Of them the last is shown, and the others only with --all. Which one is the last is known when its response has come: until
 * then what is to be shown of it is held back, unless it would be shown in any case.
 */
import { isUint8Array } from 'node:util/types'
import type { HTTPConnectionOptions } from '../client/connection-options.ts'
import { HTTPHeaderMap } from '../client/header-map.ts'
import { HTTPConnection } from '../client/http-connection.ts'
import type { HTTPResponse, HTTPVersion } from '../client/response.ts'
import { clearTimeout, setTimeout } from '../clock.ts'
import type { Body } from '../exchange/contract.ts'
import { ignore } from '../ignore.ts'
import type { CommandLine, Part } from './arguments.ts'
import { authorizationOf, fromNetrc, Responder } from './auth.ts'
import { octetsOf } from './body.ts'
import { connectionOptions } from './connect.ts'
import { TooManyRedirectsError } from './failures.ts'
import type { Output } from './output.ts'
import { type Progress, showProgress } from './progress.ts'
import { limited, sleep } from './rate.ts'
import type { Exchanged } from './record.ts'
import { redirected } from './redirect.ts'
import type { CommandRequest } from './request.ts'
import { isPassing, isPassingFailure, waitBefore } from './retry.ts'
import type { KeptAuth, Session } from './session.ts'
import type { Surroundings } from './surroundings.ts'

/** Octets of a body that nobody wants which are read: the trailers come behind it, and the connection can be used again. */
const MAX_DRAINED = 1 << 16

/** Milliseconds for that. */
const DRAIN_TIME = 1000

/** Octets of a body from which on its way to the server is shown. */
const LONG_UPLOAD = 1 << 20

/** Octets of a body that are kept for --har. */
const MAX_KEPT = 1 << 20

/** What is shown, and where. */
export interface View {
  readonly output: Output
  /** Of the last request. */
  readonly parts: ReadonlySet<Part>
  /** Of those before. */
  readonly history: ReadonlySet<Part>
}

export class Conversation {
  /** Oldest first. */
  readonly exchanged: Exchanged[] = []
  private readonly line: CommandLine
  private readonly around: Surroundings
  private readonly session: Session
  private readonly view: View
  private readonly connections = new Map<string, HTTPConnection>()
  private readonly optionsFor: ReturnType<typeof connectionOptions>
  /** What was held back of an exchange. */
  private readonly held = new WeakMap<Exchanged, (parts: ReadonlySet<Part>) => Promise<void>>()

  constructor(line: CommandLine, session: Session, view: View, around: Surroundings) {
    this.line = line
    this.session = session
    this.view = view
    this.around = around
    this.optionsFor = connectionOptions(line, around.env)
  }

  /** The connection to an origin, made when it is needed. */
  connectionTo(origin: string, more: HTTPConnectionOptions = {}): HTTPConnection {
    const there = this.connections.get(origin)
    if (there !== undefined) return there
    const connection = new HTTPConnection(origin, { ...this.optionsFor(origin), ...more })
    this.connections.set(origin, connection)
    return connection
  }

  /** Is there a proxy on the way? */
  goesByProxy(origin: string): boolean {
    return this.optionsFor(origin).proxy !== false
  }

  /** @returns the last exchange; its request, and what came before it, have been shown. */
  async run(first: CommandRequest, auth: KeptAuth | undefined): Promise<Exchanged & { response: HTTPResponse }> {
    const { line, around } = this
    const responder = new Responder(auth, first.target.origin)
    const retries = line.options.retry ?? 0
    const delay = line.options['retry-delay']
    let request = first
    let redirects = 0
    for (let tries = 1; ; ) {
      let done: Exchanged & { response: HTTPResponse }
      const again = (why: string, wait: number): Promise<void> => {
        around.warn(`${why}; trying again in ${(wait / 1000).toFixed(1)} s (${retries - tries + 1} left)`)
        tries++
        return sleep(wait, around.signal)
      }
      try {
        done = await this.exchange(responder.prepare(request), retries > 0 || auth?.type === 'digest')
      } catch (error) {
        if (tries > retries || !isPassingFailure(error) || !isRepeatable(request)) throw error
        await again(error instanceof Error ? error.message : String(error), waitBefore(tries, delay, undefined))
        continue
      }
      const { response } = done
      if (responder.isChallenged(request, response)) {
        if (!isRepeatable(request)) throw new Error(`the server asks for digest authentication, and ${spent(request)}`)
        await this.passOver(done)
        continue
      }
      if (tries <= retries && isPassing(response.status) && isRepeatable(request)) {
        await this.passOver(done)
        await again(`status ${response.status}`, waitBefore(tries, delay, response.headers.text('retry-after')))
        continue
      }
      const next = line.follow ? redirected(request, response) : undefined
      if (next === undefined) return done
      if (redirects++ === line.maxRedirects) {
        throw new TooManyRedirectsError(`too many redirects: more than ${line.maxRedirects} (--max-redirects)`)
      }
      await this.passOver(done)
      this.addNetrc(next, request)
      request = next
    }
  }

  /** The body of a response, no faster than it may come, and counted. */
  async *body(done: Exchanged & { response: HTTPResponse }): AsyncGenerator<Uint8Array, void, undefined> {
    const { options } = this.line
    let kept = 0
    for await (const chunk of limited(done.response.readChunked(), options['limit-rate'], this.around.signal)) {
      done.received += chunk.length
      if (options.har !== undefined && kept < MAX_KEPT) {
        done.kept.push(chunk.subarray(0, MAX_KEPT - kept))
        kept += chunk.length
      }
      yield chunk
    }
  }

  /** Reads a body that is not shown, if it is short and comes soon. @returns was it read to its end? */
  async drain(done: Exchanged & { response: HTTPResponse }): Promise<boolean> {
    const { response } = done
    let late = false
    const timer = setTimeout(() => {
      late = true
      void response.close()
    }, DRAIN_TIME)
    try {
      for await (const _ of this.body(done)) if (done.received > MAX_DRAINED) return false
      return !late
    } catch (error) {
      if (late) return false
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.connections.values()].map((connection) => connection.close()))
  }

  /** One request and the head of its response. @param unsure another may follow, though no redirect is followed. */
  private async exchange(request: CommandRequest, unsure: boolean): Promise<Exchanged & { response: HTTPResponse }> {
    const { line, around, view } = this
    const { output, parts } = view
    const sent = this.withCookies(request)
    const { method, target, headers, overrides } = sent
    const connection = this.connectionTo(target.origin)
    const lap = around.watch.lap(`${method} ${target.url.href}`)
    const exchanged: Exchanged = {
      request: sent,
      lap,
      response: undefined,
      received: 0,
      sent: 0,
      kept: [],
      file: undefined,
      code: 0,
      failure: undefined,
    }
    this.exchanged.push(exchanged)
    // Shown in any case, or held back until it is known whether it is the last.
    const certain = (!unsure && !line.follow) || (line.all && line.history === undefined)
    const held: (() => Promise<void>)[] = []
    let shownSoFar = Promise.resolve()
    // One after another, whoever reads is slow. A failure is told by what is written next.
    const show = (what: () => Promise<void>): void => {
      if (certain) shownSoFar = shownSoFar.then(what).catch(ignore)
      else held.push(what)
    }
    const version = (): HTTPVersion => connection.version ?? 'HTTP/2'
    const upload = this.upload(exchanged)
    try {
      const begun = connection.request(method, target.path, {
        headers: [...overrides.raw(), ...headers.raw()],
        body: upload.body,
        signal: around.signal,
        onInformational: (status, fields) => {
          if (parts.has('h')) show(() => output.informational(status, fields, version()))
        },
      })
      const id = await begun
      shownSoFar = certain ? output.request(sent, version(), parts) : shownSoFar
      await shownSoFar
      const response = await connection.getResponse(id)
      exchanged.response = response
      lap.mark('first byte')
      lap.status = response.status
      await shownSoFar
      this.look(response)
      await this.session.take(target.url.href, setCookies(response))
      const done = Object.assign(exchanged, { response })
      if (certain) return done
      this.held.set(done, async (shown) => {
        await output.request(sent, version(), shown)
        for (const what of held) await what()
      })
      return done
    } finally {
      upload.stop()
    }
  }

  /** What was held back of the last exchange. */
  async reveal(done: Exchanged, parts = this.view.parts): Promise<void> {
    await this.held.get(done)?.(parts)
    this.held.delete(done)
  }

  /** It was not the last. */
  private async passOver(done: Exchanged & { response: HTTPResponse }): Promise<void> {
    const { line, view } = this
    const { output, history } = view
    if (line.all) {
      await this.reveal(done, history)
      if (history.has('h')) await output.responseHead(done.response)
      if (history.has('b')) await output.responseBody(done.response, this.body(done))
      if (history.has('m')) await output.meta(done.response, done.lap.ends.get('first byte') ?? 0)
    }
    // What becomes of it does not matter.
    await this.drain(done).catch(ignore)
    done.lap.mark('done')
  }

  /** The request as it is sent: with what the session has for it. */
  withCookies(request: CommandRequest): CommandRequest {
    const own = request.headers.text('cookie')
    const cookies = this.session.cookiesFor(request.target.url.href, own)
    if (cookies === own) return request
    const headers = new HTTPHeaderMap(request.headers)
    if (cookies !== undefined) headers.replace('cookie', cookies)
    return { ...request, headers }
  }

  /** @throws {Error} when there are more fields than --max-headers. */
  private look({ headers }: HTTPResponse): void {
    const most = this.line.options['max-headers'] ?? 0
    const fields = [...headers.raw()].length
    if (most > 0 && fields > most)
      throw new Error(`the response has ${fields} fields, more than ${most} (--max-headers)`)
  }

  /** Where a redirect leads to another host, its own credentials go. */
  private addNetrc(next: CommandRequest, before: CommandRequest): void {
    if (next.target.origin === before.target.origin || next.headers.has('authorization')) return
    // From TLS to none they would go in the clear, since a server says so.
    if (before.target.url.protocol === 'https:' && next.target.url.protocol === 'http:') return
    const raw = fromNetrc(this.line, next.target, this.around, true)
    const authorization = raw === undefined ? undefined : authorizationOf({ type: 'basic', raw })
    if (authorization !== undefined) next.headers.replace('authorization', authorization)
  }

  /** The body as it is sent: counted, no faster than it may go, with a bar when it is long. */
  private upload(exchanged: Exchanged): { readonly body: Body | undefined; stop(): void } {
    const { line, around } = this
    const { content } = exchanged.request
    if (content === undefined) return { body: undefined, stop: ignore }
    const { body, length } = content
    const rate = line.options['limit-rate']
    if (rate === undefined && isUint8Array(body)) {
      exchanged.sent = body.length
      return { body, stop: ignore }
    }
    let progress: Progress | undefined
    const counted = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      exchanged.sent = 0
      for await (const chunk of limited(octetsOf(body), rate, around.signal)) {
        yield chunk
        exchanged.sent += chunk.length
        // A short one is gone before anybody has read how far it is.
        const long = (length ?? exchanged.sent) >= LONG_UPLOAD && !line.quiet
        if (long && progress === undefined) progress = await showProgress(around.stderr, length, exchanged.sent)
        else progress?.add(chunk.length)
      }
      progress?.stop(false)
    }
    return { body: content.repeatable ? counted : counted(), stop: () => progress?.stop(false) }
  }
}

function setCookies({ headers }: HTTPResponse): string[] {
  return [...headers.raw()].flatMap(([name, value]) => (name.toLowerCase() === 'set-cookie' ? [value] : []))
}

function isRepeatable({ content }: CommandRequest): boolean {
  return content === undefined || content.repeatable
}

function spent({ content }: CommandRequest): string {
  return `the body, ${content?.source ?? ''}, cannot be read again`
}
