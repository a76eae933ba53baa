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
  readonly dependsOn: number
  /** 1 to 256; one more than on the wire. */
  readonly weight: number
  readonly exclusive: boolean
}

interface Padded {
  /** Octets of padding, 0 to 255; undefined when the PADDED flag is not set. */
  readonly padding?: number | undefined
}

export interface DataFrame extends FrameBase, Padded {
  readonly type: 'DATA'
  readonly endStream: boolean
  readonly data: Uint8Array
}

export interface HeadersFrame extends FrameBase, Padded {
  readonly type: 'HEADERS'
  readonly endStream: boolean
  readonly endHeaders: boolean
  readonly priority?: PriorityFields | undefined
  /** A piece of a header block, compressed. */
  readonly block: Uint8Array
}

export interface PriorityFrame extends FrameBase, PriorityFields {
  readonly type: 'PRIORITY'
}

export interface RstStreamFrame extends FrameBase {
  readonly type: 'RST_STREAM'
  readonly errorCode: number
}

export interface SettingsFrame extends FrameBase {
  readonly type: 'SETTINGS'
  readonly ack: boolean
  /** In the order of the wire; identifiers may repeat. */
  readonly settings: readonly (readonly [id: number, value: number])[]
}

export interface PushPromiseFrame extends FrameBase, Padded {
  readonly type: 'PUSH_PROMISE'
  readonly endHeaders: boolean
  readonly promisedStreamId: number
  readonly block: Uint8Array
}

export interface PingFrame extends FrameBase {
  readonly type: 'PING'
  readonly ack: boolean
  /** 8 octets. */
  readonly payload: Uint8Array
}

export interface GoawayFrame extends FrameBase {
  readonly type: 'GOAWAY'
  readonly lastStreamId: number
  readonly errorCode: number
  readonly debugData: Uint8Array
}

export interface WindowUpdateFrame extends FrameBase {
  readonly type: 'WINDOW_UPDATE'
  readonly increment: number
}

export interface ContinuationFrame extends FrameBase {
  readonly type: 'CONTINUATION'
  readonly endHeaders: boolean
  readonly block: Uint8Array
}

/** RFC 7838 section 4. */
export interface AltSvcFrame extends FrameBase {
  readonly type: 'ALTSVC'
  /** Empty on a stream, whose origin it then speaks of. */
  readonly origin: string
  readonly value: string
}

/** RFC 8336 section 2. */
export interface OriginFrame extends FrameBase {
  readonly type: 'ORIGIN'
  readonly origins: readonly string[]
}

/** RFC 9218 section 7.1. */
export interface PriorityUpdateFrame extends FrameBase {
  readonly type: 'PRIORITY_UPDATE'
  readonly prioritizedStreamId: number
  readonly value: string
}

/** A frame of a type not known here: it round-trips. */
export interface UnknownFrame extends FrameBase {
  readonly type: 'UNKNOWN'
  readonly typeCode: number
  readonly flags: number
  readonly payload: Uint8Array
}

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
