/**
 * Who may send next: the priorities of HTTP/2, without I/O.
 *
 * Rules
 * - RFC 9218 (Extensible Priorities) is what peers speak today: an urgency and a flag for each response, in the `priority`
 *   field or a PRIORITY_UPDATE frame. RFC 7540's tree of dependencies and weights is deprecated (RFC 9113 section 5.3.2);
 *   it is here for those who still have to follow it.
 * - Nothing here fails because of a peer's field value: what cannot be understood is left at its default. The tree does
 *   throw, typed errors each with a stable code, and is then as it was before the call.
 * - Nothing recurses, and everything a peer can make grow has a limit.
 *
 * Theory of operation
 * - `field`: the two parameters, to and from text. `dictionary`: the reader of structured fields beneath it.
 * - `scheduler`: eight rings of streams that have something to send, by urgency.
 * - `tree`: RFC 7540 section 5.3. Each node has a heap of those children that have an unblocked stream in their subtree, so
 *   a choice walks one path from the root and never meets a blocked subtree. Shares are fair by start-time fair queueing.
 */

export {
  BadWeightError,
  DeadlockError,
  DuplicateStreamError,
  MissingStreamError,
  PriorityError,
  PriorityLoop,
  PseudoStreamError,
  TooManyStreamsError,
} from './errors.ts'
export type { Priority } from './field.ts'
export { DEFAULT_PRIORITY, parsePriority, serializePriority } from './field.ts'
export type { Schedulable } from './scheduler.ts'
export { Scheduler, URGENCY_LEVELS } from './scheduler.ts'
export type { Dependency, PriorityTreeOptions, StreamState } from './tree.ts'
export { PriorityTree } from './tree.ts'
