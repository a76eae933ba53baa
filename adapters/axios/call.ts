/** One call of the adapter: its hops, its deadlines, its one settling. */
import type { AxiosResponse, GenericAbortSignal, InternalAxiosRequestConfig } from 'axios'
import { HyperError, TimeoutError, toError } from '../../src/errors.ts'
import type {
  Body,
  ConnectionInfo,
  ConnectOptions,
  Exchange,
  ExchangeHandler,
  FieldList,
  Transport,
} from '../../src/exchange.ts'
import { joinedField, systemCode, undiciCode } from '../shared.ts'
import { type AxiosBody, Recorder, readBody } from './body.ts'
import { credentials, option } from './config.ts'
import { Progress } from './progress.ts'
import type { Realm } from './realm.ts'
import { followRedirect, type Hop, redirectTarget, sensitiveNames } from './redirect.ts'
import { RequestView, ResponseView } from './request-view.ts'
import { BodyCollector, BodyStream, codingOf, TooLongError } from './response.ts'

/** What follow-redirects keeps of a body for a redirect that asks for it again, where the config says nothing. */
const MAX_RECORDED = 10 * 1024 * 1024

export class AxiosCall implements ExchangeHandler {
  private readonly config: InternalAxiosRequestConfig
  private readonly realm: Realm
  private readonly transport: Transport
  private readonly connect: ConnectOptions | undefined
  private readonly responseType: unknown
  private hop: Hop
  private recorder: Recorder | undefined
  private exchange: Exchange | undefined
  private view: RequestView | undefined
  private protocol: ConnectionInfo['protocol'] = 'h2'
  private timer: NodeJS.Timeout | undefined
  private timeout = 0
  private upload: Progress | undefined
  private download: Progress | undefined
  private status = 0
  private fields: FieldList = []
  private collector: BodyCollector | undefined
  private stream: BodyStream | undefined
  private response: AxiosResponse | undefined
  private redirecting = false
  private settled = false
  private resolve: (response: AxiosResponse) => void = () => {}
  private reject: (error: Error) => void = () => {}

  constructor(
    config: InternalAxiosRequestConfig,
    realm: Realm,
    transport: Transport,
    url: URL,
    connect: ConnectOptions | undefined,
  ) {
    this.config = config
    this.realm = realm
    this.transport = transport
    this.connect = connect
    this.responseType = option(config, 'responseType')
    this.hop = { url, method: String(config.method ?? 'get').toUpperCase(), headers: new Map(), body: null, count: 0 }
  }

  run(): Promise<AxiosResponse> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
      this.begin().catch((error: unknown) => this.finish(toError(error)))
    })
  }

  onConnected(info: ConnectionInfo): void {
    this.protocol = info.protocol
    if (this.view !== undefined) this.view.connection = info
  }

  onBodySent(octets: number): void {
    this.upload?.add(octets)
  }

  onRequestSent(): void {
    this.upload?.flush()
  }

  onHeaders(status: number, fields: FieldList, reason: string): void {
    this.status = status
    this.fields = fields
    const { hop, config } = this
    this.protocol = this.exchange?.connection?.protocol ?? this.protocol
    const res = new ResponseView(status, fields, reason, this.protocol, hop.url.href)
    if (this.view !== undefined) {
      this.view.res = res
      this.view.connection = this.exchange?.connection
    }
    const target = redirectTarget(status, fields, config)
    if (target !== undefined) {
      this.redirecting = true
      this.redirect(status, fields, target)
      return
    }
    clearTimeout(this.timer)
    this.startBody(res)
  }

  onData(chunk: Buffer): void {
    if (this.redirecting) return
    this.download?.add(chunk.length)
    if (this.stream !== undefined) this.stream.add(chunk)
    else this.collector?.add(chunk)
  }

  onEnd(trailers: FieldList): void {
    if (this.redirecting) return
    this.download?.flush()
    const { response } = this
    const res = this.view?.res
    if (res !== undefined) {
      res.complete = true
      res.rawTrailers = [...trailers]
    }
    if (response !== undefined) Reflect.set(response, 'trailers', this.headersOf(trailers))
    if (this.stream !== undefined) {
      this.stream.trailers = this.headersOf(trailers)
      this.stream.finish()
      return
    }
    this.finishBody().catch((error: unknown) => this.finish(toError(error)))
  }

  onError(error: Error): void {
    if (this.redirecting) return
    const { stream } = this
    if (stream !== undefined && !stream.destroyed) stream.fail(this.axiosError(error))
    this.finish(error)
  }

  private async begin(): Promise<void> {
    const { config, realm, hop } = this
    this.follow()
    this.startTimer()
    const headers = new Map<string, string | string[]>()
    for (const [name, value] of Object.entries(config.headers ?? {})) setHeader(headers, name, value)
    const contentType = headers.get('content-type')
    const boundary = /boundary=([-_\w\d]{10,70})/i.exec(String(contentType ?? ''))?.[1]
    const body = await readBody(option(config, 'data'), boundary)
    if (this.settled) return
    if (body === undefined) {
      const message = 'Data after transformation must be a string, an ArrayBuffer, a Buffer, or a Stream'
      throw new realm.AxiosError(message, realm.AxiosError.ERR_BAD_REQUEST, config)
    }
    this.setBodyHeaders(headers, body)
    this.setDefault(headers, 'user-agent', () => `axios/${realm.version}`)
    this.setDefault(headers, 'accept-encoding', () => this.acceptEncoding())
    const auth = credentials(config, hop.url)
    if (auth !== undefined) headers.set('authorization', `Basic ${Buffer.from(auth).toString('base64')}`)
    hop.headers = headers
    hop.body = this.limitBody(body)
    hop.auth = auth
    hop.sensitive = sensitiveNames(config, realm)
    const { onUploadProgress, onDownloadProgress } = config
    if (onUploadProgress && body.body !== null) {
      this.upload = new Progress(onUploadProgress, lengthField(headers), 'upload')
    }
    if (onDownloadProgress) this.download = new Progress(onDownloadProgress, undefined, 'download')
    this.dispatch()
  }

  /** A default, unless the caller set the header, or set it to `false`: wants none of it. */
  private setDefault(headers: Map<string, string | string[]>, name: string, make: () => string): void {
    if (headers.has(name)) return
    const unwanted = Object.entries(this.config.headers).some(
      ([own, value]) => value === false && own.toLowerCase() === name,
    )
    if (!unwanted) headers.set(name, make())
  }

  private dispatch(): void {
    const { hop, connect } = this
    const path = `${hop.url.pathname}${hop.url.search}`
    const flat: string[] = []
    for (const [name, value] of hop.headers) {
      if (Array.isArray(value)) for (const one of value) flat.push(name, one)
      else flat.push(name, value)
    }
    this.redirecting = false
    this.view = new RequestView(hop.method, hop.url, path, flat)
    const idle = this.timeout > 0 ? { bodyTimeout: this.timeout } : {}
    this.exchange = this.transport.dispatch(
      { origin: hop.url.origin, method: hop.method, path, headers: flat, body: hop.body, connect, ...idle },
      this,
    )
  }

  private setBodyHeaders(headers: Map<string, string | string[]>, body: AxiosBody): void {
    const legacy = option(this.config, 'formDataHeaderPolicy') !== 'content-only'
    for (const [name, value] of Object.entries(body.force ?? {})) {
      if (legacy || name.startsWith('content-')) headers.set(name, value)
    }
    for (const [name, value] of Object.entries(body.headers)) if (!headers.has(name)) headers.set(name, value)
    if (body.body === null) return
    const max = this.number('maxBodyLength')
    if (max > -1 && body.length > max) throw this.bodyTooLong()
  }

  /** Counts a streamed body against maxBodyLength, and keeps it for redirects. */
  private limitBody({ body, replayable, length }: AxiosBody): Body | null {
    if (replayable || body === null || typeof body !== 'object' || !(Symbol.asyncIterator in body)) return body
    const max = this.number('maxBodyLength')
    const source = max > -1 && length === -1 ? this.counted(body, max) : body
    if (this.number('maxRedirects', 21) === 0) return source
    this.recorder = new Recorder(max > -1 ? max : MAX_RECORDED)
    return this.recorder.record(source)
  }

  private async *counted(source: AsyncIterable<Uint8Array | string>, max: number): AsyncGenerator<Uint8Array | string> {
    let sent = 0
    for await (const chunk of source) {
      sent += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length
      if (sent > max) throw this.bodyTooLong()
      yield chunk
    }
  }

  private bodyTooLong(): Error {
    const { AxiosError } = this.realm
    const message = 'Request body larger than maxBodyLength limit'
    return new AxiosError(message, AxiosError.ERR_BAD_REQUEST, this.config, this.view)
  }

  private redirect(status: number, fields: FieldList, target: string): void {
    const { exchange } = this
    let next: Hop
    try {
      next = followRedirect(this.hop, status, fields, target, this.config, this.realm, this.recorder)
    } catch (error) {
      this.finish(toError(error))
      exchange?.abort()
      return
    }
    this.hop = next
    // The rest of this response is nobody's: the callbacks look at `redirecting`, which the next dispatch clears.
    exchange?.abort()
    process.nextTick(dispatchAgain, this)
  }

  /** @internal */
  next(): void {
    if (!this.settled) this.dispatch()
  }

  private startBody(res: ResponseView): void {
    const { config, realm, fields, status, hop } = this
    const coding = codingOf(fields, status, hop.method)
    const decompress = option(config, 'decompress') !== false
    const headers = this.headersOf(fields)
    if (decompress) {
      const known = String(joinedField(fields, 'content-encoding') ?? '').toLowerCase()
      if (/^(?:x-)?(?:gzip|compress)$|^deflate$|^br$|^zstd$/.test(known)) headers.delete('content-encoding')
    }
    if (this.download !== undefined && config.onDownloadProgress) {
      const length = Number(joinedField(fields, 'content-length') ?? Number.NaN)
      const total = Number.isFinite(length) && coding === undefined ? length : undefined
      this.download = new Progress(config.onDownloadProgress, total, 'download')
    }
    const response: AxiosResponse = {
      status,
      statusText: res.statusMessage,
      headers,
      config,
      request: this.view,
      data: undefined,
    }
    Reflect.set(response, 'trailers', new realm.AxiosHeaders())
    this.response = response
    const options = { decompress, maxLength: this.number('maxContentLength') }
    if (this.responseType !== 'stream' || this.exchange === undefined) {
      this.collector = new BodyCollector(coding, options)
      return
    }
    const stream = new BodyStream(this.exchange, coding, options, () => this.contentTooLong())
    this.stream = stream
    response.data = stream
    stream.once('close', () => this.unfollow())
    this.settle(response)
  }

  private async finishBody(): Promise<void> {
    const { response, collector, config } = this
    if (response === undefined || collector === undefined) return
    const finished = collector.finish()
    const body = finished instanceof Promise ? await finished : finished
    if (this.responseType === 'arraybuffer') {
      response.data = body
    } else {
      const encoding = option(config, 'responseEncoding') as BufferEncoding | undefined
      const text = body.toString(encoding)
      response.data = (!encoding || encoding === 'utf8') && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
    }
    this.settle(response)
    this.unfollow()
  }

  private settle(response: AxiosResponse): void {
    if (this.settled) return
    this.settled = true
    clearTimeout(this.timer)
    const { config, realm } = this
    const validate = option(config, 'validateStatus')
    if (!response.status || typeof validate !== 'function' || validate(response.status)) {
      this.resolve(response)
      return
    }
    const { AxiosError } = realm
    const code =
      response.status >= 400 && response.status < 500 ? AxiosError.ERR_BAD_REQUEST : AxiosError.ERR_BAD_RESPONSE
    const message = `Request failed with status code ${response.status}`
    this.reject(new AxiosError(message, code, config, this.view, response))
  }

  private finish(error: Error): void {
    this.unfollow()
    if (this.settled) return
    this.settled = true
    clearTimeout(this.timer)
    this.reject(this.axiosError(error))
  }

  /** The failure as axios names it. */
  private axiosError(error: Error): Error {
    const { AxiosError } = this.realm
    if ('isAxiosError' in error || 'isCanceled' in error || '__CANCEL__' in error) return error
    if (error instanceof TooLongError) return this.contentTooLong()
    if (error instanceof TimeoutError && error.kind === 'body' && this.timeout > 0) return this.timeoutError()
    if (this.status !== 0 && error instanceof HyperError) {
      const message = `stream has been aborted: ${error.message}`
      const failed = new AxiosError(message, AxiosError.ERR_BAD_RESPONSE, this.config, this.view)
      Object.defineProperty(failed, 'cause', { value: error, configurable: true, writable: true })
      return failed
    }
    return AxiosError.from(error, codeOf(error), this.config, this.view)
  }

  private contentTooLong(): Error {
    const { AxiosError } = this.realm
    const message = `maxContentLength size of ${this.number('maxContentLength')} exceeded`
    return new AxiosError(message, AxiosError.ERR_BAD_RESPONSE, this.config, this.view)
  }

  private timeoutError(): Error {
    const { config, realm } = this
    const { AxiosError } = realm
    const message = option(config, 'timeoutErrorMessage') || `timeout of ${this.timeout}ms exceeded`
    const code = config.transitional?.clarifyTimeoutError ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED
    return new AxiosError(String(message), code, config, this.view)
  }

  private startTimer(): void {
    const given = option(this.config, 'timeout')
    if (!given) return
    this.timeout = Number.parseInt(String(given), 10)
    if (Number.isNaN(this.timeout)) {
      const { AxiosError } = this.realm
      const message = 'error trying to parse `config.timeout` to int'
      throw new AxiosError(message, AxiosError.ERR_BAD_OPTION_VALUE, this.config)
    }
    if (this.timeout > 0) this.timer = setTimeout(() => this.cancel(this.timeoutError()), this.timeout)
  }

  private follow(): void {
    const { cancelToken, signal } = this.config
    // Typed for axios's own use only.
    ;(cancelToken as { subscribe?(listener: unknown): void } | undefined)?.subscribe?.(this.onAbort)
    if (signal?.aborted) this.onAbort(undefined)
    else signal?.addEventListener?.('abort', this.onAbort)
  }

  private unfollow(): void {
    const { cancelToken, signal } = this.config
    ;(cancelToken as { unsubscribe?(listener: unknown): void } | undefined)?.unsubscribe?.(this.onAbort)
    ;(signal as GenericAbortSignal | undefined)?.removeEventListener?.('abort', this.onAbort)
  }

  private readonly onAbort = (reason: unknown): void => {
    const { CanceledError } = this.realm
    // A cancel token brings its own error, a signal an event.
    this.cancel(reason instanceof Error ? reason : new CanceledError(undefined, this.config, this.view))
  }

  private cancel(error: Error): void {
    if (this.view !== undefined) this.view.aborted = true
    const { exchange, stream } = this
    this.finish(error)
    if (stream !== undefined && !stream.destroyed) stream.destroy(error)
    exchange?.abort(error)
  }

  private headersOf(fields: FieldList): InstanceType<Realm['AxiosHeaders']> {
    const { AxiosHeaders } = this.realm
    const headers = new AxiosHeaders()
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]
      const known: unknown = Object.hasOwn(headers, name) ? Reflect.get(headers, name) : undefined
      const value = fields[i + 1]
      if (name === 'set-cookie') defineHeader(headers, name, [...(Array.isArray(known) ? known : []), value])
      else defineHeader(headers, name, known === undefined ? value : `${String(known)}, ${value}`)
    }
    return headers
  }

  private acceptEncoding(): string {
    const advertise = option(this.config.transitional ?? {}, 'advertiseZstdAcceptEncoding') === true
    return advertise ? 'gzip, compress, deflate, br, zstd' : 'gzip, compress, deflate, br'
  }

  private number(name: string, otherwise = -1): number {
    const value = option(this.config, name)
    return typeof value === 'number' && !Number.isNaN(value) ? value : otherwise
  }
}

function dispatchAgain(call: AxiosCall): void {
  call.next()
}

function defineHeader(headers: object, name: string, value: string | string[]): void {
  Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true })
}

/** A header of the config; `false`, null and undefined leave it out. Characters that no header can carry are dropped. */
function setHeader(headers: Map<string, string | string[]>, name: string, value: unknown): void {
  if (value === undefined || value === null || value === false || typeof value === 'function') return
  headers.set(name.toLowerCase(), Array.isArray(value) ? value.map(headerText) : headerText(value))
}

function headerText(value: unknown): string {
  return String(value)
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
    .trim()
}

function lengthField(headers: ReadonlyMap<string, string | string[]>): number | undefined {
  const length = Number(headers.get('content-length') ?? Number.NaN)
  return Number.isFinite(length) ? length : undefined
}

/** The code that axios's users compare with. */
function codeOf(error: Error): string | undefined {
  const system = systemCode(error)
  if (system !== undefined && !system.startsWith('UND_ERR_')) return system
  if (!(error instanceof HyperError)) return undefined
  switch (error.code) {
    case 'ERR_HYPER_CONNECTION_LOST':
    case 'ERR_HYPER_GOAWAY':
      return 'ECONNRESET'
    case 'ERR_HYPER_CONNECT_TIMEOUT':
    case 'ERR_HYPER_HEADERS_TIMEOUT':
      return 'ETIMEDOUT'
    case 'ERR_HYPER_INVALID_ARGUMENT':
      return 'ERR_BAD_REQUEST'
    default:
      return undiciCode(error)
  }
}
