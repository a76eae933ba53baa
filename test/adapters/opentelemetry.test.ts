/** Spans and metrics by the semantic conventions, with OpenTelemetry's own SDK. */
import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { context, metrics, propagation, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { request } from 'undici'
import { createFetch } from '../../adapters/fetch.ts'
import { instrument } from '../../adapters/opentelemetry.ts'
import { HyperDispatcher } from '../../adapters/undici.ts'
import { Pool } from '../../src/index.ts'
import { TestOrigin } from '../../src/testing/index.ts'

const spans = new InMemorySpanExporter()
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
propagation.setGlobalPropagator(new W3CTraceContextPropagator())
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
const points = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: points, exportIntervalMillis: 3_600_000 })
const provider = new MeterProvider({ readers: [reader] })
metrics.setGlobalMeterProvider(provider)

const stop = instrument()
const origin = await TestOrigin.start()
const pool = new Pool({ tls: { ca: origin.ca ?? '' } })
const fetch = createFetch({ pool })
after(async () => {
  stop()
  await pool.destroy()
  await origin.close()
  await provider.shutdown()
})
afterEach(() => {
  spans.reset()
  origin.reset()
})

/** The points of a metric, of this origin. */
async function measured(name: string) {
  points.reset()
  await reader.forceFlush()
  const found = points.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  return (found.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []).map(({ value, attributes }) => ({
    value,
    attributes,
  }))
}

describe('a request', () => {
  test('a request is a span, a child of the context in which it was made, and its context goes along', async () => {
    origin.answer('/items', { body: 'hello', headers: { 'content-length': '5' } })
    const tracer = trace.getTracer('test')
    const parent = await tracer.startActiveSpan('job', async (span) => {
      await (await fetch(origin.url('/items?x=1'))).text()
      span.end()
      return span.spanContext()
    })
    const [made] = spans.getFinishedSpans()
    assert.ok(made)
    assert.equal(made.name, 'GET')
    assert.equal(made.parentSpanContext?.spanId, parent.spanId)
    const { attributes } = made
    assert.deepEqual(
      [
        'http.request.method',
        'http.response.status_code',
        'network.protocol.version',
        'server.address',
        'server.port',
        'url.full',
      ].map((name) => attributes[name]),
      ['GET', 200, '2', 'localhost', origin.port, `${origin.origin}/items?x=1`],
    )
    const { spanId, traceId } = made.spanContext()
    assert.equal(origin.requests[0]?.headers['traceparent'], `00-${traceId}-${spanId}-01`)
  })

  test('a request that fails is a span with the error, and one with status 4xx or 5xx is an error too', async () => {
    origin.answer('/cut', { body: 'hello', cutAfter: 1 }).answer('/missing', { status: 404 })
    await assert.rejects((await fetch(origin.url('/cut'))).text())
    await fetch(origin.url('/missing'))
    const [cut, missing] = spans.getFinishedSpans()
    assert.equal(cut?.status.code, SpanStatusCode.ERROR)
    assert.equal(cut?.events[0]?.name, 'exception')
    assert.deepEqual([missing?.status.code, missing?.attributes['error.type']], [SpanStatusCode.ERROR, '404'])
  })

  test('a request that is sent again says how often', async () => {
    origin.answer('/', [{ refuse: true }, {}])
    await fetch(origin.url('/'))
    const [span] = spans.getFinishedSpans()
    assert.equal(span?.attributes['http.request.resend_count'], 1)
    assert.equal(span?.events[0]?.name, 'sent again')
    const [resent] = await measured('hyper.client.request.resends')
    assert.equal(resent?.value, 1)
  })

  test('a request is measured: duration, time in the queue, size, requests under way', async () => {
    origin.answer('/', { body: 'hello', headers: { 'content-length': '5' } })
    await (await fetch(origin.url('/'))).text()
    const duration = await measured('http.client.request.duration')
    const ok = duration.find(({ attributes }) => attributes['http.response.status_code'] === 200)
    assert.equal(ok?.attributes['server.port'], origin.port)
    assert.ok(Number(Reflect.get(Object(ok?.value), 'count')) >= 1)
    assert.ok((await measured('http.client.request.time_in_queue')).length > 0)
    assert.ok((await measured('http.client.response.body.size')).length > 0)
    assert.deepEqual(
      (await measured('http.client.active_requests')).map(({ value }) => value),
      [0],
    )
  })

  test('a request has one span where instrumentation-undici makes one', async () => {
    const instrumentation = new UndiciInstrumentation()
    instrumentation.enable()
    origin.answer('/', {})
    const dispatcher = new HyperDispatcher({ pool })
    await trace.getTracer('test').startActiveSpan('job', async (job) => {
      const { body } = await request(origin.url('/'), { dispatcher })
      await body.text()
      job.end()
    })
    instrumentation.disable()
    const names = spans
      .getFinishedSpans()
      .map(({ name }) => name)
      .sort()
    // The instrumentation calls its own by the method, and one of ours would be called so too.
    assert.deepEqual(names, ['GET', 'job'])
  })
})

describe('connections', () => {
  test('connections are counted, idle or active, and measured when they close', async () => {
    origin.answer('/', {})
    await fetch(origin.url('/'))
    const open = await measured('http.client.open_connections')
    const sum = (state: string): number =>
      open
        .filter(({ attributes }) => attributes['http.connection.state'] === state)
        .reduce((all, { value }) => all + Number(value), 0)
    assert.deepEqual([sum('active'), sum('idle')], [0, origin.connections.open])
    await pool.destroy()
    const durations = await measured('http.client.connection.duration')
    assert.ok(durations.length > 0)
    const left = await measured('http.client.open_connections')
    assert.equal(
      left.reduce((all, { value }) => all + Number(value), 0),
      0,
    )
  })
})
