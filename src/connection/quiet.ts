/**
 * Keeps undici's client silent where it is a part of ours: of its diagnostics messages those are held back that concern
 * our HTTP/1.1 connections. A request is announced by whoever it was given to (adapters/undici does so, over both
 * protocols alike), and must not be announced a second time from within.
 *
 * undici asks a table of channels, which it shares with nobody, whether and where to publish. The entries are replaced by
 * ones that pass on what is not ours, so that a program's other clients of undici are heard as ever.
 */
import type { Channel } from 'node:diagnostics_channel'
import type { Client } from 'undici'

/** Either of a request, or of a connection. */
interface Message {
  readonly request?: object
  readonly connector?: object
}

/** The handlers of our own requests are of these classes, and these are the connectors of our own clients. */
const handlers = new Set<unknown>()
const connectors = new WeakSet<object>()
let connectorKey: symbol | undefined
let handlerKey: symbol | undefined

/** The channels' names in undici's table; it has others, which clients do not use. */
const concerned = [
  'beforeConnect',
  'connected',
  'connectError',
  'sendHeaders',
  'create',
  'bodySent',
  'bodyChunkSent',
  'bodyChunkReceived',
  'headers',
  'trailers',
  'error',
]

/** One channel of undici's, without what concerns us. */
class OthersOnly {
  private readonly channel: Channel

  constructor(channel: Channel) {
    this.channel = channel
  }

  get hasSubscribers(): boolean {
    return this.channel.hasSubscribers
  }

  publish(message: Message): void {
    if (!isOurs(message)) this.channel.publish(message)
  }
}

/** Puts itself between undici and its channels, once; and takes the class of a handler for one of ours. */
export async function keepQuiet(handlerClass: unknown): Promise<void> {
  handlers.add(handlerClass)
  if (connectorKey !== undefined) return
  const [diagnostics, symbols] = await Promise.all([
    import('undici/lib/core/diagnostics.js'),
    import('undici/lib/core/symbols.js'),
  ])
  const { channels } = diagnostics.default
  if (connectorKey !== undefined) return
  connectorKey = symbols.default.kConnector
  for (const name of concerned) {
    const channel = channels[name]
    if (channel !== undefined) channels[name] = new OthersOnly(channel as Channel) as unknown as Channel
  }
}

/** The connections of this client are not announced either. */
export function quietClient(client: Client): void {
  const connector: unknown = connectorKey === undefined ? undefined : Reflect.get(client, connectorKey)
  if (typeof connector === 'function') connectors.add(connector)
}

function isOurs({ request, connector }: Message): boolean {
  if (connector !== undefined) return connectors.has(connector)
  if (request === undefined) return false
  handlerKey ??= Object.getOwnPropertySymbols(request).find(({ description }) => description === 'handler')
  const handler: unknown = handlerKey === undefined ? undefined : Reflect.get(request, handlerKey)
  return typeof handler === 'object' && handler !== null && handlers.has(handler.constructor)
}
