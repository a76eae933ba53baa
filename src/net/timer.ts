/** How the connect chain keeps time. */

import { clearTimeout, performanceNow, setTimeout } from '../clock.ts'
import { ignore } from '../ignore.ts'
import { LATE_TIMER, LONGEST_TIMER } from '../limits.ts'
import type { Cancel } from './link.ts'

/** Calls back after so many milliseconds; the result takes it back. */
export type StartTimer = (callback: () => void, delay: number) => Cancel

export function systemTimer(callback: () => void, delay: number): Cancel {
  const timer = setTimeout(callback, delay)
  return () => clearTimeout(timer)
}

/**
 * Calls back after so many milliseconds in which the event loop ran. A timer that is late has waited for one that was blocked,
 * and what the deadline is for could not go on either: it gets as much time again, in all at the most twice what it had.
 * @param delay milliseconds, 0 for never.
 */
export function deadline(delay: number, action: () => void): Cancel {
  if (delay <= 0) return ignore
  let due = 0
  let left = delay
  let timer: NodeJS.Timeout | undefined
  const wait = (milliseconds: number): void => {
    due = performanceNow() + milliseconds
    timer = setTimeout(fire, Math.min(milliseconds, LONGEST_TIMER))
  }
  const fire = (): void => {
    const late = performanceNow() - due
    const more = late > LATE_TIMER ? Math.min(late, left) : 0
    left -= more
    if (more > 0) wait(more)
    else action()
  }
  wait(delay)
  return () => clearTimeout(timer)
}
