/** The numbers of RFC 6455. */

/** Opcodes (section 5.2). */
export const Opcode = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const

/** Close codes (section 7.4.1, and the IANA registry it set up). */
export const CloseCode = {
  NORMAL: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** A close frame without a code was received. Never on the wire. */
  NO_STATUS: 1005,
  /** The transport ended without a close frame. Never on the wire. */
  ABNORMAL: 1006,
  INVALID_DATA: 1007,
  POLICY_VIOLATION: 1008,
  TOO_BIG: 1009,
  MANDATORY_EXTENSION: 1010,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_GATEWAY: 1014,
} as const

/** The payload of a control frame has at most so many octets (section 5.5). */
export const MAX_CONTROL_PAYLOAD = 125

/** May this code stand in a close frame? 3000 to 4999 are free for libraries and applications (section 7.4.2). */
export function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false
  if (code >= 3000) return code <= 4999
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014)
}
