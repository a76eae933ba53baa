/** The body of a request as it is written: a queue between `write()` and the transport, with the transport's pace. */

type Done = (error?: Error | null) => void

export class UploadBody implements AsyncIterableIterator<Uint8Array> {
  private readonly chunks: Uint8Array[] = []
  private readonly callbacks: (Done | undefined)[] = []
  /** Of the chunk that the transport has, until it asks for the next. */
  private taken: Done | undefined
  private reader: ((result: IteratorResult<Uint8Array>) => void) | undefined
  private ended = false
  private discarded = false

  /** @returns false when the writer should wait for the callback. */
  push(chunk: Uint8Array, callback: Done | undefined): boolean {
    if (this.discarded) {
      if (callback !== undefined) process.nextTick(callback)
      return true
    }
    const { reader } = this
    if (reader === undefined) {
      this.chunks.push(chunk)
      this.callbacks.push(callback)
      return false
    }
    this.reader = undefined
    this.taken = callback
    reader({ value: chunk, done: false })
    return true
  }

  end(): void {
    this.ended = true
    this.reader?.({ value: undefined, done: true })
    this.reader = undefined
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    this.release()
    const chunk = this.chunks.shift()
    if (chunk !== undefined) {
      this.taken = this.callbacks.shift()
      return Promise.resolve({ value: chunk, done: false })
    }
    if (this.ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => {
      this.reader = resolve
    })
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.destroy()
    return Promise.resolve({ value: undefined, done: true })
  }

  /** Nothing more will be read: every writer is let go. What went wrong is told by the request's own events. */
  destroy(): void {
    if (this.discarded) return
    this.discarded = true
    this.chunks.length = 0
    const { callbacks } = this
    this.release()
    while (callbacks.length > 0) callbacks.shift()?.()
    this.end()
  }

  private release(): void {
    const { taken } = this
    this.taken = undefined
    taken?.()
  }
}
