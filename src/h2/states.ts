/**
 * The stream state machine of RFC 9113 section 5.1 as a table: what happens to a stream, in which state, leads where.
 *
 *                        HEADERS sent   HEADERS recv   END sent     END recv    promise sent     promise recv
 *   idle                 open           open           -            -           reserved local   reserved remote
 *   open                 open           open           hc local     hc remote   -                -
 *   half-closed local    -              hc local       -            closed      -                -
 *   half-closed remote   hc remote      -              closed       -           -                -
 *   reserved local       hc remote      -              -            -           -                -
 *   reserved remote      -              hc local       -            -           -                -
 *
 * RST_STREAM, sent or received, leads from anywhere to closed; nothing leads away from there. `-` is not allowed.
 */

export const StreamState = {
  IDLE: 0,
  OPEN: 1,
  HALF_CLOSED_LOCAL: 2,
  HALF_CLOSED_REMOTE: 3,
  CLOSED: 4,
  RESERVED_LOCAL: 5,
  RESERVED_REMOTE: 6,
} as const

export const StreamEvent = {
  SEND_HEADERS: 0,
  RECEIVE_HEADERS: 1,
  SEND_END: 2,
  RECEIVE_END: 3,
  SEND_PROMISE: 4,
  RECEIVE_PROMISE: 5,
} as const

const EVENTS = 6
/** What the table says where something is not allowed. */
export const NOT_ALLOWED = 0xff

const { OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, CLOSED, RESERVED_LOCAL, RESERVED_REMOTE } = StreamState
const no = NOT_ALLOWED

// biome-ignore format: it is a table
const transitions = Uint8Array.of(
  // SEND_HEADERS     RECEIVE_HEADERS    SEND_END            RECEIVE_END          SEND_PROMISE    RECEIVE_PROMISE
  OPEN,               OPEN,              no,                 no,                  RESERVED_LOCAL, RESERVED_REMOTE, // IDLE
  OPEN,               OPEN,              HALF_CLOSED_LOCAL,  HALF_CLOSED_REMOTE,  no,             no,              // OPEN
  no,                 HALF_CLOSED_LOCAL, no,                 CLOSED,              no,             no,              // HALF_CLOSED_LOCAL
  HALF_CLOSED_REMOTE, no,                CLOSED,             no,                  no,             no,              // HALF_CLOSED_REMOTE
  no,                 no,                no,                 no,                  no,             no,              // CLOSED
  HALF_CLOSED_REMOTE, no,                no,                 no,                  no,             no,              // RESERVED_LOCAL
  no,                 HALF_CLOSED_LOCAL, no,                 no,                  no,             no,              // RESERVED_REMOTE
)

/** The state that follows, or {@link NOT_ALLOWED}. */
export function nextState(state: number, event: number): number {
  return transitions[state * EVENTS + event]
}
