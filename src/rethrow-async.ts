/** What code of its owner's threw where nobody can be told is its owner's to see, outside of our data path. */
export function rethrowAsync(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown
  })
}
