/** What a process of a benchmark says. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Milliseconds; a measurement that has not ended by then has failed. */
const DEADLINE = 90_000

/** The next message of a child; fails when it ends before, or says nothing for too long. */
export async function message<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`ended with ${String(code)}`)
  })
  const [value] = await Promise.race([once(child, 'message', { signal: AbortSignal.timeout(DEADLINE) }), ended])
  return value as T
}
