/** Requests as spans and metrics. */
import { performanceNow } from '../../src/clock.ts'
import { systemCodeOf } from '../../src/errors.ts'
import type { RequestMessage } from '../../src/exchange/messages.ts'
import { flattenFields, getField } from '../../src/headers/fields.ts'
import type { ConnectionInfo } from '../../src/net/options.ts'
import { type Api, type Attributes, DURATIONS, NAME, type Span } from './api.ts'
import { attributesOf, type Uses } from './connections.ts'

/** The methods that the conventions know; others are told apart by `http.request.method_original` alone. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'])

/** What is known of an exchange that is under way. */
interface Seen {
  /** Undefined: somebody else has made one. */
  readonly span: Span | undefined
  readonly context: unknown
  readonly attributes: Attributes
  readonly created: number
  connection: ConnectionInfo | undefined
  attempts: number
  status: number | undefined
}

export function requestListeners(api: Api, uses: Uses): Readonly<Record<string, (message: unknown) => void>> {
  const { trace, context, propagation, metrics, SpanKind, SpanStatusCode } = api
  const tracer = trace.getTracer(NAME)
  const meter = metrics.getMeter(NAME)
  const histogram = (name: string, description: string) =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: DURATIONS } })
  const duration = histogram('http.client.request.duration', 'Duration of requests')
  const inQueue = histogram('http.client.request.time_in_queue', 'How long requests waited for a connection')
  const active = meter.createUpDownCounter('http.client.active_requests', {
    description: 'Requests under way',
    unit: '{request}',
  })
  const resends = meter.createCounter('hyper.client.request.resends', {
    description: 'Requests that were sent again after a failure',
    unit: '{request}',
  })
  const size = meter.createHistogram('http.client.response.body.size', {
    description: 'Octets of responses, as content-length says',
    unit: 'By',
  })
  const known = new WeakMap<object, Seen>()
  const of = (message: unknown): Seen | undefined => known.get((message as RequestMessage).exchange)

  function over(message: unknown, error: Error | undefined): void {
    const { exchange } = message as RequestMessage
    const seen = known.get(exchange)
    if (seen === undefined) return
    known.delete(exchange)
    uses.end(seen.connection)
    const { span, status } = seen
    active.add(-1, seen.attributes)
    const errorType =
      error === undefined ? (status !== undefined && status >= 400 ? String(status) : undefined) : typeOf(error)
    if (span === undefined) return
    const said = {
      ...seen.attributes,
      ...(seen.connection === undefined ? {} : { 'network.protocol.version': versionOf(seen.connection) }),
      ...(status === undefined ? {} : { 'http.response.status_code': status }),
      ...(errorType === undefined ? {} : { 'error.type': errorType }),
    }
    duration.record((performanceNow() - seen.created) / 1000, said, seen.context)
    if (errorType !== undefined) {
      span.setAttribute('error.type', errorType)
      span.setStatus({ code: SpanStatusCode.ERROR, ...(error === undefined ? {} : { message: error.message }) })
    }
    if (error !== undefined) span.recordException(error)
    span.end()
  }

  return {
    'hyper:request:create': (message) => {
      const { exchange, request } = message as RequestMessage
      const parent = context.active()
      const method = METHODS.has(request.method) ? request.method : '_OTHER'
      const attributes = { 'http.request.method': method, ...attributesOf(request.origin) }
      const traced = hasTrace(request)
      const span = traced
        ? undefined
        : tracer.startSpan(
            method === '_OTHER' ? 'HTTP' : method,
            {
              kind: SpanKind.CLIENT,
              attributes: {
                ...attributes,
                'url.full': `${request.origin}${request.path}`,
                ...(method === '_OTHER' ? { 'http.request.method_original': request.method } : {}),
              },
            },
            parent,
          )
      const own = span === undefined ? parent : trace.setSpan(parent, span)
      if (span !== undefined && Array.isArray(request.headers)) {
        propagation.inject(own, request.headers as string[], { set: (list, key, value) => void list.push(key, value) })
      }
      const created = performanceNow()
      known.set(exchange, {
        span,
        context: own,
        attributes,
        created,
        connection: undefined,
        attempts: 0,
        status: undefined,
      })
      active.add(1, attributes)
    },
    'hyper:request:start': (message) => {
      const seen = of(message)
      if (seen === undefined) return
      const { connection } = message as RequestMessage
      uses.end(seen.connection)
      seen.connection = connection
      uses.begin(connection)
      seen.attempts++
      if (seen.attempts === 1) inQueue.record((performanceNow() - seen.created) / 1000, seen.attributes, seen.context)
      else seen.span?.setAttribute('http.request.resend_count', seen.attempts - 1)
      if (connection === undefined) return
      seen.span?.setAttribute('network.protocol.version', versionOf(connection))
      if (connection.remoteAddress !== undefined)
        seen.span?.setAttribute('network.peer.address', connection.remoteAddress)
      if (connection.remotePort !== undefined) seen.span?.setAttribute('network.peer.port', connection.remotePort)
    },
    'hyper:request:headers': (message) => {
      const seen = of(message)
      if (seen === undefined) return
      const { status, headers = [] } = message as RequestMessage
      seen.status = status
      if (status !== undefined) seen.span?.setAttribute('http.response.status_code', status)
      const length = Number(getField(headers, 'content-length') ?? Number.NaN)
      if (Number.isSafeInteger(length)) size.record(length, seen.attributes, seen.context)
    },
    'hyper:request:retry': (message) => {
      const seen = of(message)
      const { error } = message as RequestMessage
      uses.end(seen?.connection)
      if (seen === undefined) return
      seen.connection = undefined
      const reason = error === undefined ? 'unknown' : typeOf(error)
      resends.add(1, { ...seen.attributes, 'error.type': reason })
      seen.span?.addEvent('sent again', { 'error.type': reason })
    },
    'hyper:request:end': (message) => over(message, undefined),
    'hyper:request:error': (message) => over(message, (message as RequestMessage).error ?? new Error('it failed')),
  }
}

function hasTrace(request: RequestMessage['request']): boolean {
  const fields = flattenFields(request.headers)
  for (let i = 0; i < fields.length; i += 2) if (fields[i].toLowerCase() === 'traceparent') return true
  return false
}

function versionOf({ protocol }: ConnectionInfo): string {
  return protocol === 'h2' ? '2' : '1.1'
}

function typeOf(error: Error): string {
  return systemCodeOf(error) ?? error.name
}
