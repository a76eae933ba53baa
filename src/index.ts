/** hyper-transport: the pool and the words that every part of it speaks. */
export type { ConnectionSettings } from './connection/http2.ts'
export * from './errors.ts'
export type * from './exchange.ts'
export { flattenFields, getField } from './headers/fields.ts'
export type { PoolEvents, PoolOptions } from './pool/options.ts'
export type { OriginStats } from './pool/origin-pool.ts'
export { Pool, type PoolStats } from './pool/pool.ts'
