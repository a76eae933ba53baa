/** A request body that somebody writes: one chunk at a time, the next when this one was taken. */
export class PushSource implements AsyncIterable<Uint8Array> {
  private chunk: Uint8Array | null = null
  private taken: ((error?: Error | null) => void) | null = null
  private isOpen: boolean
  private ended = false
  private whenEnded: ((error?: Error | null) => void) | null = null
  private error: Error | null = null
  private wake: (() => void) | null = null
  private dropped = false
  /** Called when nobody will read any more. */
  onOver: (() => void) | null = null

  /** @param isOpen may it be read at once? Otherwise after {@link open}. */
  constructor(isOpen = true) {
    this.isOpen = isOpen
  }

  /** What is written may be read from now on. */
  open(): void {
    this.isOpen = true
    this.wakeUp()
  }

  /** @param taken is called when the next chunk may be written, or with the error that it was given up with. */
  push(chunk: Uint8Array, taken: (error?: Error | null) => void): void {
    if (this.error !== null) {
      taken(this.error)
      return
    }
    if (this.dropped) {
      taken()
      return
    }
    this.chunk = chunk
    this.taken = taken
    this.wakeUp()
  }

  /** @param taken is called when everything was taken, or with the error that it was given up with. */
  end(taken?: (error?: Error | null) => void): void {
    if (this.error !== null) {
      taken?.(this.error)
      return
    }
    if (this.dropped) {
      taken?.()
      return
    }
    this.whenEnded = taken ?? null
    this.ended = true
    this.wakeUp()
  }

  /** Whoever reads gets the error; so does whoever waits to write on. */
  fail(error: Error): void {
    this.error ??= error
    this.tellTaken(this.error)
    this.tellEnded(this.error)
    this.wakeUp()
    this.onOver?.()
  }

  /** Nobody reads any more, and it is no failure: what is written is let go. */
  drop(): void {
    this.dropped = true
    this.chunk = null
    this.tellTaken(null)
    this.tellEnded(null)
    this.onOver?.()
  }

  /** Why it was given up. */
  get failure(): Error | null {
    return this.error
  }

  /** {@link drop} was called. */
  get isDropped(): boolean {
    return this.dropped
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.error !== null) throw this.error
      const { chunk } = this
      if (this.isOpen && chunk !== null) {
        this.chunk = null
        yield chunk
        // Who reads may stop here: then fail() or drop() tells.
        this.tellTaken(null)
      } else if (this.isOpen && this.ended) {
        this.tellEnded(null)
        return
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
      }
    }
  }

  private tellTaken(error: Error | null): void {
    const { taken } = this
    this.taken = null
    taken?.(error)
  }

  private tellEnded(error: Error | null): void {
    const { whenEnded } = this
    this.whenEnded = null
    whenEnded?.(error)
  }

  private wakeUp(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }
}
