/** Which origins spoke only HTTP/1.1, remembered for a while: they are not asked for HTTP/2 with each connection. */

import { MAX_REMEMBERED_PROTOCOLS, PROTOCOL_MEMORY } from '../limits.ts'
import { now } from '../session/deadline.ts'

export class ProtocolMemory {
  private readonly until = new Map<string, number>()

  /** Nothing but HTTP/1.1 is to be asked for. */
  http1(key: string): boolean {
    const until = this.until.get(key)
    if (until === undefined) return false
    if (until > now()) return true
    this.until.delete(key)
    return false
  }

  /** It may have been wrong: both are asked for next time. */
  forget(key: string): void {
    this.until.delete(key)
  }

  remember(key: string): void {
    // Told anew it is the youngest; a map keeps its order, so the first is the oldest.
    this.until.delete(key)
    if (this.until.size >= MAX_REMEMBERED_PROTOCOLS) this.until.delete(String(this.until.keys().next().value))
    this.until.set(key, now() + PROTOCOL_MEMORY)
  }
}
