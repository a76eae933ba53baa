/** How often, and when, what failed through no fault of its own is sent again. */
import { BACKOFF, MAX_BACKOFF, RETRY_BURST, RETRY_RATIO } from '../limits.ts'

/**
 * Milliseconds to wait before a replay: none before the first, for most causes are gone with their connection; then
 * longer each time, and never the same for all who wait, so that they do not come back at once.
 * @param replay 1 for the first.
 * @param random from 0 to 1.
 */
export function backoff(replay: number, random: number): number {
  if (replay <= 1) return 0
  return Math.min(BACKOFF * 2 ** (replay - 2), MAX_BACKOFF) * (0.5 + random)
}

/** Keeps replays a small part of what is sent, so that a server that fails everything is not asked twice as often for it. */
export class RetryBudget {
  private tokens = RETRY_BURST

  /** A request is sent for the first time. */
  earn(): void {
    if (this.tokens < RETRY_BURST) this.tokens = Math.min(RETRY_BURST, this.tokens + RETRY_RATIO)
  }

  /** May another one be sent again? */
  take(): boolean {
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}
