/** HTTP/2 without I/O (RFC 9113). `connection.ts` holds the theory of operation. */
export { ErrorCode, errorCodeName, Setting } from '../frame/codes.ts'
export { H2Connection, type H2ConnectionOptions } from './connection.ts'
export type { ConnectionListener, OpenObstacle } from './core.ts'
export type { SettingEntry, Settings } from './settings.ts'
export { H2Stream, type StreamListener, StreamState } from './stream.ts'
