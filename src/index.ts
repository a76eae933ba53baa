/** hyper-transport: the pool and the words that every part of it speaks. */
export { openTunnel, type Tunnel, type TunnelRequest } from './client/tunnel.ts'
export type { ConnectionSettings, ConnectionStats } from './connection/contract.ts'
export type { ConnectionMessage, RequestMessage } from './diagnostics.ts'
export * from './errors.ts'
export type * from './exchange.ts'
export {
  AdaptiveFlowControlManager,
  FlowControlManager,
  type WindowContext,
  type WindowManager,
  type WindowManagerFactory,
} from './h2/index.ts'
export { flattenFields, getField } from './headers/fields.ts'
export type { ConnectorSettings, ConnectStep } from './net/connector.ts'
export { createTlsContext, type TlsContextOptions } from './net/tls-context.ts'
export type { PoolEvents, PoolOptions } from './pool/options.ts'
export { Pool } from './pool/pool.ts'
export type { OriginStats, PoolStats } from './pool/stats.ts'
