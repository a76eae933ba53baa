/**
 * OpenTelemetry by its semantic conventions for HTTP clients: `instrument()` once, after the SDK was started.
 *
 * Rules
 * - It stands on the diagnostics channels, so nothing runs, and nothing of OpenTelemetry is loaded, before `instrument()`.
 *   It sees the requests of every shim.
 * - A request that carries `traceparent` already has a span: instrumentation-undici or instrumentation-http made it. It gets no
 *   second one, nor is its duration measured twice.
 * - Spans are children of the context in which the request was made, and the context is sent along as the propagator has it.
 * - URLs are recorded without credentials. Header fields are not recorded.
 *
 * How it works: opentelemetry/requests.ts follows exchanges, opentelemetry/connections.ts connections; opentelemetry/api.ts is what
 * is used of `@opentelemetry/api`, which must be installed.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Api, loadApi } from './opentelemetry/api.ts'
import { connectionListeners } from './opentelemetry/connections.ts'
import { requestListeners } from './opentelemetry/requests.ts'

let undo: (() => void) | undefined

/**
 * Records spans and metrics of every request and connection from now on. A second call changes nothing.
 * @returns a function that stops it.
 * @throws {NotSupportedError} when `@opentelemetry/api` is not installed.
 */
export function instrument(): () => void {
  undo ??= listen(loadApi())
  return () => {
    undo?.()
    undo = undefined
  }
}

function listen(api: Api): () => void {
  const connections = connectionListeners(api)
  const listeners = [
    ...Object.entries(requestListeners(api, connections.uses)),
    ...Object.entries(connections.listeners),
  ]
  for (const [channel, listener] of listeners) subscribe(channel, listener)
  return () => {
    for (const [channel, listener] of listeners) unsubscribe(channel, listener)
  }
}
