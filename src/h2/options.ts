/** The options of an `H2Connection`, and their checks. */
import { type Check, checkEach, func, oneOf, text, whole } from '../option-checks.ts'
import { refuseUnknown } from '../option-names.ts'
import type { WindowManagerFactory } from './window.ts'

/** Options of an `H2Connection`. Sizes are octets. */
export interface H2ConnectionOptions {
  /** Default `client`. */
  role?: 'client' | 'server' | undefined
  /** Named in error messages. Default: none. */
  origin?: string | undefined
  /** Our SETTINGS_INITIAL_WINDOW_SIZE. Default 4 MiB (`STREAM_WINDOW`): enough for 1 Gbit/s at 32 ms. */
  streamWindow?: number | undefined
  /** The largest window that a stream may grow to. Default 16 MiB (`MAX_STREAM_WINDOW`), or `streamWindow` when that is given. */
  maxStreamWindow?: number | undefined
  /** Our window for the whole connection, at least 65,535. Default 32 MiB (`CONNECTION_WINDOW`). */
  connectionWindow?: number | undefined
  /** A received header section: name, value and 32 for each field. Default 65,536 (`MAX_HEADER_LIST_SIZE`). */
  maxHeaderListSize?: number | undefined
  /** Fields of a received header section. Default 256 (`MAX_HEADER_FIELDS`). */
  maxHeaderFields?: number | undefined
  /** Streams that the peer may have open at once: requests to a server, pushes to a client. Default 100 (`MAX_CONCURRENT_STREAMS`). */
  maxConcurrentStreams?: number | undefined
  /** Streams that may be opened before the peer's SETTINGS arrive. Default 100 (`STREAMS_BEFORE_SETTINGS`). */
  streamsBeforeSettings?: number | undefined
  /** Client role: accept pushes. Default false, which RFC 9113 section 8.4 allows and most clients choose. */
  enablePush?: boolean | undefined
  /** Server role: accept extended CONNECT (RFC 8441). Default false. */
  enableConnectProtocol?: boolean | undefined
  /**
   * Check what you send by the rules of RFC 9113 section 8, and throw at the call. Default true. `'elsewhere'`: not, because the
   * caller has checked it already. False: not, and warn once.
   */
  validateOutbound?: boolean | 'elsewhere' | undefined
  /**
   * Client role: accept RST_STREAM with NO_ERROR in the middle of a body without a content-length as the end of the body.
   * Default false: such a body cannot be told from one that was cut off.
   */
  allowNoErrorCut?: boolean | undefined
  /** Makes the window managers. Default: windows grow by the round trip, as with `AdaptiveFlowControlManager`. */
  windowManager?: WindowManagerFactory | undefined
  /** Milliseconds on a monotonic clock, for budgets and speed. Default: `performance.now`. */
  clock?: (() => number) | undefined
}

const yesOrNo = oneOf(true, false)

const CHECKS: { readonly [Name in keyof Required<H2ConnectionOptions>]: Check } = {
  role: oneOf('client', 'server'),
  origin: text,
  streamWindow: whole(0),
  maxStreamWindow: whole(0),
  connectionWindow: whole(65_535),
  maxHeaderListSize: whole(0),
  maxHeaderFields: whole(0),
  maxConcurrentStreams: whole(0),
  streamsBeforeSettings: whole(0),
  enablePush: yesOrNo,
  enableConnectProtocol: yesOrNo,
  validateOutbound: oneOf(true, false, 'elsewhere'),
  allowNoErrorCut: yesOrNo,
  windowManager: func('a function that makes a window manager'),
  clock: func('a function that returns milliseconds'),
}
const NAMES: ReadonlySet<string> = new Set(Object.keys(CHECKS))

/** @throws {InvalidArgumentError} naming the option that is unknown, or has a value that it may not have. */
export function checkOptions(options: H2ConnectionOptions): void {
  refuseUnknown(options, NAMES)
  checkEach(options, CHECKS)
}
