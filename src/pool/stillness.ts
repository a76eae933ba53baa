/**
 * How long nothing has been done for those who wait at an origin. When that may last too long, they are looked at again: nothing
 * else may happen until then.
 */
import { setTimeout } from '../clock.ts'
import { STUCK_AFTER } from '../limits.ts'
import { now } from '../session/deadline.ts'

export class Stillness {
  private since = 0
  private timer: NodeJS.Timeout | undefined
  private readonly look: () => void

  constructor(look: () => void) {
    this.look = look
  }

  /** Milliseconds. */
  get lasted(): number {
    return now() - this.since
  }

  /** One of them was given to a connection, one is being made for them, or the first of them has come. */
  end(): void {
    this.since = now()
  }

  /** Looks again when they may be stuck; once, however often it is asked for. */
  watch(): void {
    if (this.timer !== undefined) return
    const delay = Math.max(1, Math.ceil(STUCK_AFTER - this.lasted))
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.look()
    }, delay)
    this.timer.unref()
  }
}
