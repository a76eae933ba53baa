/**
 * OpenTelemetry: its instrumentation for undici sees our dispatcher's requests as it sees undici's own, over HTTP/2 too; and
 * what our own diagnostics channels know goes into the same spans. `node examples/opentelemetry.ts`
 */
import assert from 'node:assert/strict'
import { subscribe } from 'node:diagnostics_channel'
import { context, propagation, type Span, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { ConnectionMessage } from 'hyper-transport'
import { HyperDispatcher } from 'hyper-transport/undici'
import { request } from 'undici'
import { startServer } from './support/server.ts'

// As every application with OpenTelemetry begins; a real one exports to a collector.
const exporter = new InMemorySpanExporter()
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
propagation.setGlobalPropagator(new W3CTraceContextPropagator())
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))

const tracer = trace.getTracer('example')
new UndiciInstrumentation().enable()

// undici's channels say nothing of the making of a connection; ours do.
let connecting: Span | undefined
subscribe('hyper:connection:connecting', (message) => {
  const { origin } = message as ConnectionMessage
  connecting = tracer.startSpan('connect', { attributes: { 'server.origin': origin } })
})
subscribe('hyper:connection:step', (message) => {
  const { step } = message as ConnectionMessage
  if (step !== undefined) connecting?.addEvent(step.step)
})
subscribe('hyper:connection:connected', () => connecting?.end())

await using server = await startServer((request, response) => {
  response.statusCode = request.url === '/missing' ? 404 : 200
  response.end(String(request.headers['traceparent']))
})
const dispatcher = new HyperDispatcher({ connect: { ca: server.ca } })

const seen = await tracer.startActiveSpan('the whole job', async (job) => {
  const answers = await Promise.all(
    ['/one', '/two', '/missing'].map(async (path) => {
      const { statusCode, body } = await request(`${server.origin}${path}`, { dispatcher })
      return { path, statusCode, traceparent: await body.text() }
    }),
  )
  job.end()
  return answers
})
await dispatcher.close()

const spans = exporter.getFinishedSpans()
const job = spans.find(({ name }) => name === 'the whole job')
assert.ok(job)
for (const { name, attributes, parentSpanContext, events } of spans) {
  const about = [attributes['url.path'], attributes['http.response.status_code'], ...events.map((event) => event.name)]
  console.log(`${parentSpanContext === undefined ? '' : '  '}${name} ${about.filter(Boolean).join(' ')}`)
}

// Each request has its span below the job's, and the server was told of just that span.
for (const { path, statusCode, traceparent } of seen) {
  const span = spans.find(({ attributes }) => attributes['url.path'] === path)
  assert.ok(span)
  const { traceId, spanId } = span.spanContext()
  assert.equal(traceparent, `00-${traceId}-${spanId}-01`)
  assert.equal(traceId, job.spanContext().traceId)
  assert.equal(span.attributes['http.response.status_code'], statusCode)
  assert.equal(span.attributes['network.protocol.version'], '2')
}
console.log(`${seen.length} requests arrived with the traceparent of their own spans`)
