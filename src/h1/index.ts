/** HTTP/1.1 without I/O (RFC 9112). `client.ts` and `server.ts` hold the theory of operation. */
export { H1ClientConnection, type H1ClientListener, type H1RequestInit } from './client.ts'
export type { BodyListener } from './endpoint.ts'
export type { Framing, H1RequestHead, H1ResponseHead } from './heads.ts'
export type { H1Options } from './options.ts'
export {
  type H1AcceptInit,
  type H1ResponseInit,
  H1ServerConnection,
  type H1ServerListener,
} from './server.ts'
export type { ReceiveState, SendState } from './states.ts'
