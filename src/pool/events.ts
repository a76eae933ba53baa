/**
 * What a pool lets others know of one origin's connections: by its option `events`, and on the diagnostics channels.
 *
 * What a function of `events` throws is rethrown asynchronously, outside of our data path.
 */
import type { Channel } from 'node:diagnostics_channel'
import { channels } from '../diagnostics.ts'
import type { HyperError } from '../errors.ts'
import type { ConnectionMessage } from '../exchange/messages.ts'
import type { ConnectStep } from '../net/link.ts'
import type { ConnectionInfo } from '../net/options.ts'
import { rethrowAsync } from '../rethrow-async.ts'
import type { PoolEvents } from './options.ts'

export class OriginEvents {
  private readonly origin: string
  private readonly events: PoolEvents | undefined

  constructor(origin: string, events: PoolEvents | undefined) {
    this.origin = origin
    this.events = events
  }

  connecting(): void {
    this.tell((events) => events.connecting?.(this.origin))
    this.publish(channels.connecting, {})
  }

  step(step: ConnectStep): void {
    this.publish(channels.step, { step })
  }

  connected(connection: ConnectionInfo): void {
    this.tell((events) => events.connect?.(this.origin, connection))
    this.publish(channels.connected, { connection })
  }

  failed(error: HyperError): void {
    this.tell((events) => events.connectionError?.(this.origin, error))
    this.publish(channels.failed, { error })
  }

  closed(connection: ConnectionInfo, error: Error | undefined): void {
    this.publish(channels.closed, { connection, error })
    this.tell((events) => events.disconnect?.(this.origin, error))
  }

  /** @param of the origin that it is an alternative to. */
  altSvc(of: string, value: string): void {
    this.tell((events) => events.altSvc?.(of, value))
  }

  origins(origins: readonly string[]): void {
    this.tell((events) => events.origins?.(this.origin, origins))
  }

  private tell(event: (events: PoolEvents) => void): void {
    if (this.events === undefined) return
    try {
      event(this.events)
    } catch (thrown) {
      rethrowAsync(thrown)
    }
  }

  private publish(to: Channel, message: Omit<ConnectionMessage, 'origin'>): void {
    if (to.hasSubscribers) to.publish({ origin: this.origin, ...message } satisfies ConnectionMessage)
  }
}
