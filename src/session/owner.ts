/** What a session is given, and whom it belongs to. */
import type { H2Stream, StreamListener } from '../h2/index.ts'
import type { RequestHead } from '../headers/section.ts'

/** What a session tells whoever it belongs to, and asks. */
export interface SessionOwner {
  /** Must the process live for this session now? Asked when it becomes active (`busy`) or idle. */
  holdsProcess(busy: boolean): boolean
  /** The peer's settings came: its first, or others. */
  onSettings(): void
  /** Room for streams: some came free, or there is none any more. */
  onRoom(): void
  /** It takes nothing new. */
  onDraining(): void
  /** The peer does not answer: nothing new is sent to it. What is open lives on, for a while. */
  onDoubt?(error: Error): void
  /** It is gone. Its streams have ended. */
  onClosed(error: Error | undefined): void
  /** The peer goes, and is about to be left. */
  onGoaway?(code: number, lastStreamId: number): void
  onPush?(parent: H2Stream, promised: H2Stream, head: RequestHead): StreamListener | undefined
  /** @param origin empty for the origin of the session itself. */
  onAltSvc?(origin: string, value: string): void
  onOrigin?(origins: readonly string[]): void
}

/** How a session begins that was upgraded from HTTP/1.1: stream 1 is the upgrade's, and what was read after it is ours. */
export interface UpgradeStart {
  readonly method: string
  readonly listener: StreamListener
  readonly octets: Buffer
}
