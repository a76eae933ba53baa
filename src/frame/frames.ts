/**
 * Frames as objects (RFC 9113 section 6): for people, tools and tests. The engine in `src/h2` works on octets and
 * makes none of these.
 */

interface FrameBase {
  /** 0 for the connection. */
  readonly streamId: number
}

/** RFC 9113 section 5.3 (deprecated): kept so that frames which carry it round-trip. */
export interface PriorityFields {
  /** The identifier of the parent stream; 0: the root. */
  readonly dependsOn: number
  /** 1 to 256; one more than on the wire. */
  readonly weight: number
  /** The stream takes over the other children of its parent. */
  readonly exclusive: boolean
}

interface Padded {
  /** Octets of padding, 0 to 255; undefined when the PADDED flag is not set. */
  readonly padding?: number | undefined
}

/** RFC 9113 section 6.1: a piece of a body. */
export interface DataFrame extends FrameBase, Padded {
  readonly type: 'DATA'
  /** END_STREAM: the sender has finished. */
  readonly endStream: boolean
  /** The payload, without padding. */
  readonly data: Uint8Array
}

/** RFC 9113 section 6.2: opens a stream, or carries trailers. */
export interface HeadersFrame extends FrameBase, Padded {
  readonly type: 'HEADERS'
  /** END_STREAM: no body, or no further body, follows. */
  readonly endStream: boolean
  /** END_HEADERS: no CONTINUATION follows. */
  readonly endHeaders: boolean
  /** Present when the PRIORITY flag is set. */
  readonly priority?: PriorityFields | undefined
  /** A piece of a header block, compressed. */
  readonly block: Uint8Array
}

/** RFC 9113 section 6.3 (deprecated). */
export interface PriorityFrame extends FrameBase, PriorityFields {
  readonly type: 'PRIORITY'
}

/** RFC 9113 section 6.4: ends a stream at once. */
export interface RstStreamFrame extends FrameBase {
  readonly type: 'RST_STREAM'
  /** One of `ErrorCode`, or an unregistered code. */
  readonly errorCode: number
}

/** RFC 9113 section 6.5. */
export interface SettingsFrame extends FrameBase {
  readonly type: 'SETTINGS'
  /** An acknowledgement, which has no settings. */
  readonly ack: boolean
  /** In the order of the wire; identifiers may repeat. */
  readonly settings: readonly (readonly [id: number, value: number])[]
}

/** RFC 9113 section 6.6: the request of a push. */
export interface PushPromiseFrame extends FrameBase, Padded {
  readonly type: 'PUSH_PROMISE'
  /** END_HEADERS: no CONTINUATION follows. */
  readonly endHeaders: boolean
  /** The stream that will carry the response. */
  readonly promisedStreamId: number
  /** A piece of a header block, compressed. */
  readonly block: Uint8Array
}

/** RFC 9113 section 6.7. */
export interface PingFrame extends FrameBase {
  readonly type: 'PING'
  /** The answer to a PING with the same payload. */
  readonly ack: boolean
  /** 8 octets. */
  readonly payload: Uint8Array
}

/** RFC 9113 section 6.8: no new streams are accepted. */
export interface GoawayFrame extends FrameBase {
  readonly type: 'GOAWAY'
  /** Streams above this were not processed. */
  readonly lastStreamId: number
  /** One of `ErrorCode`, or an unregistered code. */
  readonly errorCode: number
  /** For people; may be empty. */
  readonly debugData: Uint8Array
}

/** RFC 9113 section 6.9: more octets may be sent, on a stream, or on the connection (stream 0). */
export interface WindowUpdateFrame extends FrameBase {
  readonly type: 'WINDOW_UPDATE'
  /** Octets, 1 to 2^31-1. */
  readonly increment: number
}

/** RFC 9113 section 6.10: goes on with a header block. */
export interface ContinuationFrame extends FrameBase {
  readonly type: 'CONTINUATION'
  /** END_HEADERS: no further CONTINUATION follows. */
  readonly endHeaders: boolean
  /** A piece of a header block, compressed. */
  readonly block: Uint8Array
}

/** RFC 7838 section 4. */
export interface AltSvcFrame extends FrameBase {
  readonly type: 'ALTSVC'
  /** Empty on a stream, whose origin it then speaks of. */
  readonly origin: string
  /** The value of an Alt-Svc field. */
  readonly value: string
}

/** RFC 8336 section 2. */
export interface OriginFrame extends FrameBase {
  readonly type: 'ORIGIN'
  /** Origins in ASCII, such as `https://example.com`. */
  readonly origins: readonly string[]
}

/** RFC 9218 section 7.1. */
export interface PriorityUpdateFrame extends FrameBase {
  readonly type: 'PRIORITY_UPDATE'
  /** The stream whose priority changes. */
  readonly prioritizedStreamId: number
  /** The value of a Priority field, such as `u=1, i`. */
  readonly value: string
}

/** A frame of a type not known here: it round-trips. */
export interface UnknownFrame extends FrameBase {
  readonly type: 'UNKNOWN'
  /** 0 to 255. */
  readonly typeCode: number
  /** 0 to 255. */
  readonly flags: number
  /** As it came. */
  readonly payload: Uint8Array
}

/** Any frame, told apart by `type`. */
export type Frame =
  | DataFrame
  | HeadersFrame
  | PriorityFrame
  | RstStreamFrame
  | SettingsFrame
  | PushPromiseFrame
  | PingFrame
  | GoawayFrame
  | WindowUpdateFrame
  | ContinuationFrame
  | AltSvcFrame
  | OriginFrame
  | PriorityUpdateFrame
  | UnknownFrame
