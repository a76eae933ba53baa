/** The callbacks of a connection. They come while `receive()` or another call of the owner's runs, and must not throw. */
import type { ProtocolError } from '../errors.ts'
import type { RequestHead } from '../headers/section.ts'
import type { Priority } from '../priority/field.ts'
import type { Settings } from './settings.ts'
import type { H2Stream, StreamListener } from './stream.ts'

/** The callbacks of an `H2Connection`. */
export interface ConnectionListener {
  /** There is output: call `takeOutput()`. Not repeated before that. */
  onOutput(): void
  /** The peer's settings changed (its first ones included): limits may have moved. */
  onSettings(settings: Readonly<Settings>): void
  /** The peer acknowledged the oldest of our SETTINGS that were not yet: they are in force from here on. */
  onSettingsAcknowledged?(settings: Readonly<Settings>): void
  /** The peer sent PING; the answer is in the output already. */
  onPing?(payload: Uint8Array): void
  /** The peer answered one of our PING frames. */
  onPong(payload: Uint8Array): void
  /** GOAWAY: the peer accepts no new streams. Streams that it did not process have ended with a retryable error already. */
  onGoaway(code: number, lastStreamId: number, debug: string): void
  /** A stream ended and its slot is free. */
  onStreamClosed(stream: H2Stream): void
  /** The connection ended by a protocol error, ours to report (GOAWAY is in the output). All streams have ended. */
  onFailed(error: ProtocolError): void
  /** Server role: a request began. Return the listener of its stream; without one the stream is refused. */
  onRequest?(stream: H2Stream, head: RequestHead): StreamListener | undefined
  /**
   * Client role with `enablePush`: the server promises a response to the request `head` (RFC 9113 section 8.4). Return the
   * listener of the promised stream; without one the push is cancelled.
   */
  onPush?(parent: H2Stream, promised: H2Stream, head: RequestHead): StreamListener | undefined
  /** PRIORITY, or HEADERS with the same parameters (RFC 7540 section 5.3), which have no effect (RFC 9113 section 5.3.2). */
  onPriority?(streamId: number, dependsOn: number, weight: number, exclusive: boolean): void
  /** Server role: PRIORITY_UPDATE (RFC 9218 section 7.1). The stream may not have begun. */
  onPriorityUpdate?(streamId: number, priority: Priority): void
  /** A frame of a type that is not ours (RFC 9113 section 5.5). The payload is a view, good until the call returns. */
  onUnknownFrame?(type: number, flags: number, streamId: number, payload: Uint8Array): void
  /** An alternative service for an origin, or for the origin of a stream (RFC 7838 section 4). */
  onAltSvc?(origin: string, value: string, stream: H2Stream | undefined): void
  /** The origins that the server is authoritative for (RFC 8336). */
  onOrigin?(origins: readonly string[]): void
}
