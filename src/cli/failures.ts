/** How the command ends: its exit codes, HTTPie's but for usage, and the errors that are the user's own. */
import { ConnectError, InvalidArgumentError, TimeoutError } from '../errors.ts'

/** The status that the command exits with. */
export const ExitCode = {
  OK: 0,
  /** No connection, a broken protocol, a file that cannot be read ... */
  ERROR: 1,
  /** The command line cannot be understood. */
  USAGE: 2,
  TIMEOUT: 2,
  /** With --check-status: 3xx that was not followed, 4xx, 5xx. */
  REDIRECT: 3,
  CLIENT_ERROR: 4,
  SERVER_ERROR: 5,
  TOO_MANY_REDIRECTS: 6,
  /** 128 and the number of SIGINT. */
  INTERRUPTED: 130,
} as const

/** The command line cannot be understood: said with a hint to --help. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  /** Lines that point at the place. */
  readonly detail: string | undefined

  constructor(message: string, { cause, detail }: { readonly cause?: unknown; readonly detail?: string } = {}) {
    super(message, { cause })
    this.detail = detail
  }
}

/** A redirect was not followed, since there were so many before it. */
export class TooManyRedirectsError extends Error {
  override readonly name = 'TooManyRedirectsError'
}

/** SIGINT. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'

  constructor() {
    super('Interrupted')
  }
}

/** Nobody reads standard output any more, as with `| head`. */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError'
}

/** The command line cannot be carried out as it is: something in it has to be changed. */
export function isUsage(error: unknown): boolean {
  return error instanceof UsageError || error instanceof InvalidArgumentError
}

/** The exit code for what was thrown. */
export function exitCodeOf(error: unknown): number {
  if (isUsage(error)) return ExitCode.USAGE
  // A server that says nothing at all over HTTP/2 is one that could not be reached, for want of time.
  const cause = error instanceof ConnectError ? error.cause : error
  if (cause instanceof TimeoutError) return ExitCode.TIMEOUT
  if (error instanceof TooManyRedirectsError) return ExitCode.TOO_MANY_REDIRECTS
  if (error instanceof InterruptedError) return ExitCode.INTERRUPTED
  if (error instanceof OutputClosedError) return ExitCode.OK
  return ExitCode.ERROR
}

/** The exit code for a status, with --check-status. */
export function exitCodeOfStatus(status: number): number {
  if (status >= 500) return ExitCode.SERVER_ERROR
  if (status >= 400) return ExitCode.CLIENT_ERROR
  return status >= 300 ? ExitCode.REDIRECT : ExitCode.OK
}
