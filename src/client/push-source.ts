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
    this.whenEnded = taken ?? null
    this.ended = true
    this.wakeUp()
  }

  /** Whoever reads gets the error; so does whoever waits to write on. */
  fail(error: Error): void {
    this.error ??= error
    const { taken } = this
    this.taken = null
    taken?.(this.error)
    this.tellEnded(this.error)
    this.wakeUp()
  }

  /** Nobody reads any more, and it is no failure: what is written is let go. */
  drop(): void {
    const { taken } = this
    this.dropped = true
    this.chunk = null
    this.taken = null
    taken?.()
    this.tellEnded(null)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.error !== null) throw this.error
      const { chunk, taken } = this
      if (this.isOpen && chunk !== null) {
        this.chunk = null
        this.taken = null
        yield chunk
        taken?.()
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
