/** One call of the adapter: its hops, its deadlines, its one settling. */
import type { AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { clearTimeout, setImmediate, setTimeout } from '../../src/clock.ts'
import { TimeoutError, toError } from '../../src/errors.ts'
import type { DataUse, Transport } from '../../src/exchange/contract.ts'
import type { UploadBody } from '../../src/exchange/upload.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { getField } from '../../src/headers/fields.ts'
import { ignore } from '../../src/ignore.ts'
import { LONGEST_TIMER } from '../../src/limits.ts'
import { NodeError } from '../common/errors.ts'
import { httpVersion } from '../common/status-line.ts'
import { originOf, targetOf } from '../common/target.ts'
import { type AxiosBody, inPieces, NO_BODY, readBody, setBodyHeaders, sourceOf } from './body.ts'
import { credentials, needsOwnAdapter, timeoutOf } from './config.ts'
import { connectOptions } from './connect.ts'
import {
  bodyTooLong,
  contentTooLong,
  type FailedCall,
  isAxiosOwn,
  isUploadGivenUp,
  redirectionError,
  statusError,
  timeoutError,
  wireError,
} from './errors.ts'
import { follow } from './follow.ts'
import { handOver } from './handover.ts'
import { axiosHeaders, flatHeaders, type HeaderMap, lengthField, requestHeaders, spellings } from './headers.ts'
import { HopHandler, type HopListener } from './hop.ts'
import { limitOf, option } from './option.ts'
import { Progress } from './progress.ts'
import type { Realm } from './realm.ts'
import {
  basic,
  configOfRest,
  followRedirect,
  type Hop,
  hrefOf,
  MAX_REDIRECTS,
  redirectTarget,
  sensitiveNames,
} from './redirect.ts'
import { type Carrier, RequestView, type ResponseHead, reasonOf } from './request-view.ts'
import {
  BodyCollector,
  BodyStream,
  type Collected,
  codingOf,
  dropCoding,
  type Filler,
  type ResponseWithTrailers,
  TooLongError,
} from './response.ts'

/** In the place of the headers until the config's are read: a Map for nothing costs. */
const NOT_READ_YET: HeaderMap = new Map()

const ACCEPT_ENCODING = 'gzip, compress, deflate, br'

export class AxiosCall implements HopListener, Collected, Filler, FailedCall, Carrier {
  readonly config: InternalAxiosRequestConfig
  readonly realm: Realm
  private readonly transport: Transport
  private readonly responseType: unknown
  private hop: Hop
  private handler: HopHandler | undefined
  /** A streamed body, which each request of the chain may have from its beginning: closed when the chain is over. */
  private source: UploadBody | undefined
  view: RequestView | undefined
  private timer: NodeJS.Timeout | undefined
  private timeout = 0
  private upload: Progress | undefined
  private download: Progress | undefined
  private fields: FieldList = []
  private collector: BodyCollector | undefined
  /** Once somebody wants what is in it. */
  private wanted: BodyStream | undefined
  /** Before: held by the caller alone. */
  private unread: WeakRef<BodyStream> | undefined
  /** Of a collected body; a stream has its own. */
  private response: ResponseWithTrailers | undefined
  private settled = false
  /** Follows no longer what may cancel it. */
  private stopFollowing: (() => void) | undefined
  private resolve: (response: AxiosResponse | Promise<AxiosResponse>) => void = ignore
  private reject: (error: Error) => void = ignore

  constructor(config: InternalAxiosRequestConfig, realm: Realm, transport: Transport, url: URL, path?: string) {
    this.config = config
    this.realm = realm
    this.transport = transport
    this.responseType = option(config, 'responseType')
    const method = String(config.method ?? 'get').toUpperCase()
    this.hop = { url, path, origin: originOf(url), method, headers: NOT_READ_YET, body: null, count: 0 }
  }

  run(): Promise<AxiosResponse> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
      try {
        this.begin()
      } catch (error) {
        this.finish(toError(error))
      }
    })
  }

  // The current hop.

  onHeaders(status: number, fields: FieldList, reason: string, raw?: FieldList, said?: '1.0' | '1.1'): void {
    this.fields = fields
    const { config, view, handler } = this
    const connection = handler?.exchange?.connection
    const head = { status, fields, reason, raw, version: httpVersion(connection, said) }
    if (view !== undefined) {
      view.head = head
      view.connectionInfo = connection
    }
    const target = redirectTarget(status, fields, config)
    if (target !== undefined) {
      this.redirect(status, fields, target)
      return
    }
    if (this.timer !== undefined) clearTimeout(this.timer)
    this.startBody(head)
  }

  /** A body that is collected. */
  get dataUse(): DataUse {
    return this.collector?.dataUse ?? 'passed on'
  }

  onData(chunk: Buffer): void {
    this.download?.add(chunk.length)
    if (this.collector !== undefined) this.collector.add(chunk)
    else this.stream?.add(chunk)
  }

  onEnd(trailers: FieldList): void {
    this.closeSource()
    this.download?.flush()
    const { stream } = this
    const response = this.response ?? stream?.response
    if (this.view !== undefined) this.view.trailerFields = trailers
    if (response !== undefined) {
      if (trailers.length > 0) response.trailers = axiosHeaders(trailers, this.realm)
      if (stream !== undefined) stream.trailers = response.trailers
    }
    if (stream !== undefined) {
      stream.finish()
      return
    }
    this.collector?.finish()
  }

  onError(error: Error): void {
    const { stream } = this
    stream?.fail(this.axiosError(error))
    this.finish(error)
  }

  onWanted(stream: BodyStream): void {
    this.wanted = stream
    this.unread = undefined
  }

  onForgotten(): void {
    this.unfollow()
    this.handler?.exchange?.abort()
  }

  private get stream(): BodyStream | undefined {
    return this.wanted ?? this.unread?.deref()
  }

  private begin(): void {
    const { config, realm, hop } = this
    if (config.signal || config.cancelToken) {
      this.stopFollowing = follow(config, (reason) => {
        this.cancel(reason instanceof Error ? reason : new realm.CanceledError(undefined, config, this.view))
      })
      if (this.settled) {
        this.unfollow()
        return
      }
    }
    this.timeout = timeoutOf(config, realm)
    if (this.timeout > 0) {
      this.timer = setTimeout(() => this.cancel(this.timedOut()), Math.min(this.timeout, LONGEST_TIMER))
    }
    const zstd = option(config.transitional ?? {}, 'advertiseZstdAcceptEncoding') === true
    hop.headers = requestHeaders(config, realm.version, zstd ? `${ACCEPT_ENCODING}, zstd` : ACCEPT_ENCODING)
    const data = option(config, 'data')
    // As in axios, nothing that is false is a body.
    if (!data) {
      this.dispatchFirst(NO_BODY)
      return
    }
    const contentType = String(hop.headers.get('content-type') ?? '')
    const body = readBody(data, /boundary=([-_\w\d]{10,70})/i.exec(contentType)?.[1])
    if (!(body instanceof Promise)) {
      this.dispatchFirst(body)
      return
    }
    body
      .then((read) => {
        if (!this.settled) this.dispatchFirst(read)
      })
      .catch((error: unknown) => this.finish(toError(error)))
  }

  private dispatchFirst(body: AxiosBody | undefined): void {
    const { config, realm, hop } = this
    const { headers } = hop
    if (body === undefined) {
      const message = 'Data after transformation must be a string, an ArrayBuffer, a Buffer, or a Stream'
      throw new realm.AxiosError(message, realm.AxiosError.ERR_BAD_REQUEST, config)
    }
    if (body.body !== null) {
      setBodyHeaders(headers, body, option(config, 'formDataHeaderPolicy') !== 'content-only')
      const max = this.number('maxBodyLength')
      if (max > -1 && body.length > max) throw bodyTooLong(this)
    }
    const auth = credentials(config, hop.url)
    if (auth !== undefined) headers.set('authorization', basic(auth))
    const follows = this.number('maxRedirects', MAX_REDIRECTS) !== 0
    this.source = sourceOf(body, this.number('maxBodyLength'), follows, () => bodyTooLong(this))
    hop.body = this.source ?? body.body
    hop.auth = auth
    hop.sensitive = sensitiveNames(config, realm)
    const { onUploadProgress } = config
    if (onUploadProgress && body.body !== null) {
      this.upload = new Progress(onUploadProgress, lengthField(headers), 'upload')
      hop.body = inPieces(hop.body)
    }
    this.dispatch()
  }

  private dispatch(): void {
    const { hop, config } = this
    const { url } = hop
    const origin = hop.count === 0 ? hop.origin : originOf(url)
    const path = hop.path ?? pathOf(url)
    const headers = flatHeaders(hop.headers, spellings(config))
    this.view = new RequestView(hop.method, url, hrefOf(hop), path, headers, this)
    this.upload?.restart()
    const handler = new HopHandler(this, this.upload)
    this.handler = handler
    handler.exchange = this.transport.dispatch(
      {
        origin,
        method: hop.method,
        path,
        headers,
        body: hop.body,
        connect: connectOptions(config, url, hop.headers.get('host'), this.transport),
        bodyTimeout: this.timeout > 0 ? this.timeout : undefined,
      },
      handler,
    )
  }

  private redirect(status: number, fields: FieldList, target: string): void {
    const { handler } = this
    const length = Number(getField(fields, 'content-length') ?? 0)
    const { source } = this
    try {
      this.hop = followRedirect(this.hop, status, fields, target, this.config, this.realm, source)
    } catch (caught) {
      const error = toError(caught)
      if (isAxiosOwn(error) && Reflect.get(error, 'request') === undefined) Reflect.set(error, 'request', this.view)
      this.finish(isAxiosOwn(error) ? error : redirectionError(error, this))
      handler?.drain(Number.POSITIVE_INFINITY)
      return
    }
    // Of a body that is not whole yet the request before gets no more, so its response may never end.
    handler?.drain(source === undefined || source.whole !== null ? length : Number.POSITIVE_INFINITY)
    if (this.hop.body === null) this.closeSource()
    // By then a short rest has come and the connection is free again.
    setImmediate(() => this.next())
  }

  private next(): void {
    if (this.settled) return
    const { config, hop } = this
    // A proxy or agent may be for this target and not for the one before.
    if (needsOwnAdapter(config, hop.url)) this.handOver()
    else this.dispatch()
  }

  private handOver(): void {
    const { config, realm, hop } = this
    this.settled = true
    clearTimeout(this.timer)
    this.unfollow()
    this.resolve(handOver(configOfRest(hop, config, realm), realm, this.transport, hop.url))
  }

  private startBody(head: ResponseHead): void {
    const { config, realm, fields, hop, handler } = this
    const { status } = head
    const coding = codingOf(fields, status, hop.method)
    const decompress = option(config, 'decompress') !== false
    const headers = axiosHeaders(fields, realm)
    if (decompress) dropCoding(headers, status, hop.method)
    if (config.onDownloadProgress) {
      const length = Number(getField(fields, 'content-length') ?? Number.NaN)
      this.download = new Progress(config.onDownloadProgress, Number.isFinite(length) ? length : undefined, 'download')
    }
    const response: ResponseWithTrailers = {
      status,
      statusText: reasonOf(head),
      headers,
      config,
      request: this.view,
      data: undefined,
      trailers: new realm.AxiosHeaders(),
    }
    const options = { decompress, maxLength: this.number('maxContentLength') }
    if (this.responseType !== 'stream' || handler?.exchange === undefined) {
      this.response = response
      this.collector = new BodyCollector(coding, options, this)
      return
    }
    const stream = new BodyStream(handler.exchange, coding, options, () => this.contentTooLong())
    if (this.view?.res !== undefined) stream.showMessage(this.view, this.view.res)
    this.unread = new WeakRef(stream)
    response.data = stream
    stream.response = response
    stream.once('close', () => this.unfollow())
    stream.watch(this)
    this.settle(response)
    // A promise's functions hold the promise, and that what it came to.
    this.resolve = ignore
    this.reject = ignore
  }

  onBody(body: Buffer): void {
    const { response, config } = this
    if (response === undefined) return
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

  onBodyError(error: Error): void {
    this.finish(error)
    this.handler?.exchange?.abort(error)
  }

  private settle(response: AxiosResponse): void {
    if (this.settled) return
    this.settled = true
    if (this.timer !== undefined) clearTimeout(this.timer)
    const { config } = this
    const validate = option(config, 'validateStatus')
    try {
      if (!response.status || typeof validate !== 'function' || validate(response.status)) {
        this.resolve(response)
        return
      }
    } catch (thrown) {
      // Above there is only the transport, which would tell us.
      this.reject(toError(thrown))
      this.stream?.destroy()
      return
    }
    this.reject(statusError(response, this))
  }

  private finish(error: Error): void {
    this.unfollow()
    this.closeSource(error)
    if (this.settled) return
    this.settled = true
    clearTimeout(this.timer)
    this.reject(this.axiosError(error))
  }

  /** No request of the chain wants it any more. */
  private closeSource(error: Error | null = null): void {
    this.source?.close(error)
    this.source = undefined
  }

  /** The failure as axios names it. */
  private axiosError(error: Error): Error {
    if (isAxiosOwn(error)) return error
    if (error instanceof TooLongError) return this.contentTooLong()
    if (isUploadGivenUp(error, option(this.config, 'data'))) {
      return new this.realm.CanceledError('Request stream has been aborted', this.config, this.view)
    }
    if (error instanceof TimeoutError && error.kind === 'body' && this.timeout > 0) return this.timedOut()
    return wireError(error, this, this.response ?? this.stream?.response)
  }

  private contentTooLong(): Error {
    return contentTooLong(this.number('maxContentLength'), this)
  }

  private timedOut(): Error {
    return timeoutError(this.timeout, this)
  }

  private unfollow(): void {
    this.stopFollowing?.()
    this.stopFollowing = undefined
  }

  abandon(): void {
    const error = new NodeError('ECONNRESET', 'aborted')
    this.stream?.fail(error)
    this.finish(error)
    this.handler?.exchange?.abort(error)
  }

  private cancel(error: Error): void {
    if (this.view !== undefined) this.view.aborted = true
    const { handler, stream } = this
    this.finish(error)
    stream?.fail(error)
    handler?.exchange?.abort(error)
  }

  private number(name: string, otherwise = -1): number {
    return limitOf(this.config, name, otherwise)
  }
}

/** As axios builds it: of an empty query nothing is left. */
function pathOf(url: URL): string {
  const target = targetOf(url)
  return target.endsWith('?') ? url.pathname + url.search : target
}
