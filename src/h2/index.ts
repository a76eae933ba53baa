/** HTTP/2 without I/O (RFC 9113). `connection.ts` holds the theory of operation. */
export { ErrorCode, errorCodeName, errorCodeText, Setting } from '../frame/codes.ts'
export type { RequestHead } from '../headers/section.ts'
export { H2Connection } from './connection.ts'
export type { OpenObstacle } from './core.ts'
export type { ConnectionListener } from './listener.ts'
export type { H2ConnectionOptions } from './options.ts'
export type { SettingEntry, Settings } from './settings.ts'
export { StreamState } from './states.ts'
export { H2Stream, type StreamListener } from './stream.ts'
export {
  AdaptiveFlowControlManager,
  BaseFlowControlManager,
  FlowControlManager,
  firstWindow,
  managerFactory,
  type WindowContext,
  type WindowManager,
  type WindowManagerClass,
  type WindowManagerFactory,
} from './window.ts'
