/**
 * The states of a stream and of a connection.
 *
 * A stream, by RFC 9113 section 5.1: what happens, in which state, leads where.
 *
 *                        HEADERS sent   HEADERS recv   END sent    END recv
 *   open                 open           open           hc local    hc remote
 *   half-closed local    -              hc local       -           closed
 *   half-closed remote   hc remote      -              closed      -
 *   reserved local       hc remote      -              -           -
 *   reserved remote      -              hc local       -           -
 *
 * RST_STREAM, sent or received, leads from anywhere to closed; nothing leads away from there. `-` is not allowed. What was
 * never opened (idle) is known by its identifier, and has no object.
 *
 * A connection has two states, one for what each side has said. Both only ever go forward.
 */

export const StreamState = {
  OPEN: 0,
  HALF_CLOSED_LOCAL: 1,
  HALF_CLOSED_REMOTE: 2,
  RESERVED_LOCAL: 3,
  RESERVED_REMOTE: 4,
  CLOSED: 5,
} as const

export const StreamEvent = { SEND_HEADERS: 0, RECEIVE_HEADERS: 1, SEND_END: 2, RECEIVE_END: 3 } as const

const EVENTS = 4
/** What the table says where something is not allowed. */
export const NOT_ALLOWED = 0xff

const { OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, CLOSED } = StreamState
const no = NOT_ALLOWED

// biome-ignore format: it is a table
const transitions = Uint8Array.of(
  // SEND_HEADERS     RECEIVE_HEADERS    SEND_END            RECEIVE_END
  OPEN,               OPEN,              HALF_CLOSED_LOCAL,  HALF_CLOSED_REMOTE,  // OPEN
  no,                 HALF_CLOSED_LOCAL, no,                 CLOSED,              // HALF_CLOSED_LOCAL
  HALF_CLOSED_REMOTE, no,                CLOSED,             no,                  // HALF_CLOSED_REMOTE
  HALF_CLOSED_REMOTE, no,                no,                 no,                  // RESERVED_LOCAL
  no,                 HALF_CLOSED_LOCAL, no,                 no,                  // RESERVED_REMOTE
  no,                 no,                no,                 no,                  // CLOSED
)

/** The state that follows, or {@link NOT_ALLOWED}. */
export function nextState(state: number, event: number): number {
  return transitions[state * EVENTS + event]
}

/** What we have said on the connection. */
export const OwnState = {
  OPEN: 0,
  /** A server said that it will go; which streams it takes is still to be said. */
  LEAVING: 1,
  /** A GOAWAY of ours named the last stream that is taken. */
  GONE: 2,
  /** No input is read and nothing new is sent any more. */
  DEAD: 3,
} as const

/** What the peer has said on the connection. */
export const PeerState = {
  SILENT: 0,
  /** Its first SETTINGS frame has come. */
  OPEN: 1,
  /** It said GOAWAY: it takes no new streams. */
  GONE: 2,
} as const
