/** Rethrows an exception of the caller's code as an uncaught one, outside of our data path: for callbacks that cannot return an error. */
export function rethrowAsync(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown
  })
}
