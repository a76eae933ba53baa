/** What an `H2Connection` can be told. Sizes are octets. */
import { type Check, checkEach, func, oneOf, text, whole } from '../option-checks.ts'
import { refuseUnknown } from '../option-names.ts'
import type { WindowManagerFactory } from './window.ts'

export interface H2ConnectionOptions {
  /** Default `client`. */
  role?: 'client' | 'server' | undefined
  /** Named in error messages. */
  origin?: string | undefined
  /** Our SETTINGS_INITIAL_WINDOW_SIZE. Default: `STREAM_WINDOW` (limits.ts). */
  streamWindow?: number | undefined
  /** What a stream's window may grow to. Default: `MAX_STREAM_WINDOW`; `streamWindow` when that is given: it does not grow. */
  maxStreamWindow?: number | undefined
  /** Our window for the whole connection, at least 65,535. Default: `CONNECTION_WINDOW`. */
  connectionWindow?: number | undefined
  /** One header section, names and values and 32 a field. Default: `MAX_HEADER_LIST_SIZE`. */
  maxHeaderListSize?: number | undefined
  /** Fields of one header section. Default: `MAX_HEADER_FIELDS`. */
  maxHeaderFields?: number | undefined
  /** Streams that the peer may have open at once: requests to a server, pushes to a client. Default: `MAX_CONCURRENT_STREAMS`. */
  maxConcurrentStreams?: number | undefined
  /** Streams to open before the peer's SETTINGS say how many it allows. Default: `STREAMS_BEFORE_SETTINGS`. */
  streamsBeforeSettings?: number | undefined
  /** Client role: accept pushes. Default false, which RFC 9113 section 8.4 allows and most clients choose. */
  enablePush?: boolean | undefined
  /** Server role: accept extended CONNECT (RFC 8441). Default false. */
  enableConnectProtocol?: boolean | undefined
  /**
   * Check what the owner sends by the rules of RFC 9113 section 8, and throw at the call. Default true; an owner with a
   * serialiser of its own that checks the same says `'elsewhere'`. False turns it off, and warns once.
   */
  validateOutbound?: boolean | 'elsewhere' | undefined
  /**
   * Client role: take RST_STREAM with NO_ERROR in the middle of a body without a content-length as the end of the body.
   * Default false: nobody can tell such a body from one that was cut off.
   */
  allowNoErrorCut?: boolean | undefined
  /** Decides on receive windows. Default: what `AdaptiveFlowControlManager` does, see window.ts. */
  windowManager?: WindowManagerFactory | undefined
  /** Milliseconds on a clock that never goes back, for limits by the time. Default: `performance.now`. */
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
