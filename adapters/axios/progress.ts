/** Progress events as axios sends them: at most three a second, and one at the end. */
import type { AxiosProgressEvent } from 'axios'
import { nextTick, performanceNow } from '../../src/clock.ts'

const INTERVAL = 1000 / 3

export class Progress {
  private readonly listener: (event: AxiosProgressEvent) => void
  private readonly total: number | undefined
  private readonly direction: 'upload' | 'download'
  private loaded = 0
  private notified = 0
  /** Of the current request of the chain. */
  private sent = 0
  private readonly started = performanceNow()
  private last = Number.NEGATIVE_INFINITY

  constructor(
    listener: (event: AxiosProgressEvent) => void,
    total: number | undefined,
    direction: 'upload' | 'download',
  ) {
    this.listener = listener
    this.total = total
    this.direction = direction
  }

  /** Another request begins, which may send again what was sent. */
  restart(): void {
    this.sent = 0
  }

  add(octets: number): void {
    this.sent += octets
    if (this.sent <= this.loaded) return
    this.loaded = this.sent
    if (performanceNow() - this.last >= INTERVAL) this.notify()
  }

  /** Says what was held back. */
  flush(): void {
    if (this.loaded > this.notified) this.notify()
  }

  private notify(): void {
    const at = performanceNow()
    this.last = at
    const { total } = this
    const loaded = total === undefined ? this.loaded : Math.min(this.loaded, total)
    const bytes = loaded - this.notified
    this.notified = loaded
    const seconds = (at - this.started) / 1000
    const rate = seconds > 0 ? Math.round(loaded / seconds) : undefined
    const estimated = rate && total !== undefined ? (total - loaded) / rate : undefined
    const event = {
      loaded,
      total,
      progress: total ? loaded / total : undefined,
      bytes,
      rate,
      estimated,
      event: { lengthComputable: total !== undefined, total, loaded },
      lengthComputable: total !== undefined,
      [this.direction]: true,
    }
    // As axios does: never within the transport's own turn.
    nextTick(this.listener, event as unknown as AxiosProgressEvent)
  }
}
