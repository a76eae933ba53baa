/** The owner of a session, and how a session begins. */
import type { H2Stream, StreamListener } from '../h2/index.ts'
import type { RequestHead } from '../headers/section.ts'

/** The callbacks of a session to its owner. */
export interface SessionOwner {
  /** Must the process live for this session now? Asked when it becomes active (`busy`) or idle. */
  holdsProcess(busy: boolean): boolean
  /**
   * What becomes of bulk data that is read: asked at each read. It decides whether memory is freed early, and of which kind it is. An
   * owner that has it copies what it keeps while {@link Session.lent} says so; undefined: whatever is read is the owner's.
   */
  readonly bulkUse?: 'passed on' | 'kept' | 'joined'
  /** The peer's settings came: its first, or others. */
  onSettings(): void
  /** Room for streams: some came free, or there is none any more. */
  onRoom(): void
  /** It takes no new streams. */
  onDraining(): void
  /** The peer does not answer a PING: the session takes no new streams. Open ones go on, for a while. */
  onDoubt?(error: Error): void
  /** The session has ended, and so have its streams. */
  onClosed(error: Error | undefined): void
  /** The peer has sent GOAWAY. */
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
