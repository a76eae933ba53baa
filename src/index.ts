/** hyper-transport: the pool, HTTPConnection, and the types and errors that all parts share. */
export type { BodyPart, RequestBody } from './client/body.ts'
export type { ConnectionTimeouts, HTTPConnectionOptions } from './client/connection-options.ts'
export { type HeaderMapInit, HTTPHeaderMap } from './client/header-map.ts'
export { HTTP11Connection, HTTP20Connection, HTTPConnection, type RequestOptions } from './client/http-connection.ts'
export { Push } from './client/push.ts'
export { RequestDraft } from './client/request-draft.ts'
export { type DecodeLimits, HTTPResponse, type HTTPVersion, type ReadOptions } from './client/response.ts'
export { openTunnel, type Tunnel, type TunnelRequest } from './client/tunnel.ts'
export type { ConnectionSettings, ConnectionStats } from './connection/contract.ts'
export { ContentDecodingError, ContentLimitError } from './content/index.ts'
export * from './errors.ts'
export type * from './exchange/contract.ts'
export type { ConnectionMessage, RequestMessage } from './exchange/messages.ts'
export {
  AdaptiveFlowControlManager,
  BaseFlowControlManager,
  ErrorCode,
  errorCodeName,
  errorCodeText,
  FlowControlManager,
  type WindowContext,
  type WindowManager,
  type WindowManagerClass,
  type WindowManagerFactory,
} from './h2/index.ts'
export type { FieldList, FieldsInit } from './headers/fields.ts'
export { flattenFields, getField } from './headers/fields.ts'
export { HpackDecodingError, HpackEncodingError, HpackError } from './hpack/index.ts'
export type { ConnectorSettings, ConnectStep } from './net/connector.ts'
export type * from './net/options.ts'
export { createTlsContext, type TlsContextOptions } from './net/tls-context.ts'
export type { PoolEvents, PoolOptions } from './pool/options.ts'
export { Pool } from './pool/pool.ts'
export type { OriginStats, PoolStats } from './pool/stats.ts'
export type { FrameFacts, FrameMessage } from './session/frame-message.ts'
