/** What a connection tells its owner. Callbacks come while `receive()` or a call of the owner's runs; they must not throw. */
import type { ProtocolError } from '../errors.ts'
import type { RequestHead } from '../headers/section.ts'
import type { Settings } from './settings.ts'
import type { H2Stream, StreamListener } from './stream.ts'

export interface ConnectionListener {
  /** There is output to take; not repeated until it has been taken. */
  onOutput(): void
  /** The peer's settings changed (its first ones included): limits may have moved. */
  onSettings(settings: Readonly<Settings>): void
  /** The peer acknowledged our oldest settings: they count from here on. */
  onSettingsAcknowledged?(settings: Readonly<Settings>): void
  /** The peer answered one of our PING frames. */
  onPong(payload: Uint8Array): void
  /** The peer will take no new streams. Those it refused have ended with a retryable error already. */
  onGoaway(code: number, lastStreamId: number, debug: string): void
  /** A stream ended and its slot is free. */
  onStreamClosed(stream: H2Stream): void
  /** The connection ended by a protocol error, ours to report (GOAWAY is in the output). All streams have ended. */
  onFailed(error: ProtocolError): void
  /** Server role: a request came. What is returned hears the rest of it; without it the stream is refused. */
  onRequest?(stream: H2Stream, head: RequestHead): StreamListener | undefined
  /**
   * Client role, push allowed: the server promises the answer to a request that it made up (RFC 9113 section 8.4). What
   * is returned hears the response; without it the push is cancelled.
   */
  onPush?(parent: H2Stream, promised: H2Stream, head: RequestHead): StreamListener | undefined
  /** An alternative service for an origin, or for the origin of a stream (RFC 7838 section 4). */
  onAltSvc?(origin: string, value: string, stream: H2Stream | undefined): void
  /** The server says which origins it speaks for (RFC 8336). */
  onOrigin?(origins: readonly string[]): void
}
