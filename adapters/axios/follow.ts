/** What a request can be cancelled by: the signal of its config, or a cancel token of axios's own. */
import type { GenericAbortSignal, InternalAxiosRequestConfig } from 'axios'

/** A cancel token, which is typed for axios's own use only. */
interface Token {
  subscribe?(listener: (reason: unknown) => void): void
  unsubscribe?(listener: (reason: unknown) => void): void
}

/**
 * @param onAbort is called at once when the signal has come already. A cancel token brings its own error, a signal an event.
 * @returns follows no longer.
 */
export function follow(config: InternalAxiosRequestConfig, onAbort: (reason: unknown) => void): () => void {
  const { signal } = config
  const token = config.cancelToken as Token | undefined
  token?.subscribe?.(onAbort)
  if (signal?.aborted) onAbort(undefined)
  else signal?.addEventListener?.('abort', onAbort)
  return () => {
    token?.unsubscribe?.(onAbort)
    ;(signal as GenericAbortSignal | undefined)?.removeEventListener?.('abort', onAbort)
  }
}
