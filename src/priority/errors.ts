/** What the tree of priorities throws. After any of these the tree is as it was before the call. */
import { HyperError } from '../errors.ts'

/** Common ancestor; `code` is `ERR_HYPER_PRIORITY_*`. */
export class PriorityError extends HyperError {}

/** Nothing can be chosen: every stream is blocked, or there is none. */
export class DeadlockError extends PriorityError {
  constructor() {
    super('ERR_HYPER_PRIORITY_DEADLOCK', 'No stream can be chosen: all are blocked, or there is none')
  }
}

/** A stream would depend on itself (RFC 7540 section 5.3.1). */
export class PriorityLoop extends PriorityError {
  constructor(streamId: number) {
    super('ERR_HYPER_PRIORITY_LOOP', `Stream ${streamId} cannot depend on itself`)
  }
}

/** The stream is in the tree already. */
export class DuplicateStreamError extends PriorityError {
  constructor(streamId: number) {
    super('ERR_HYPER_PRIORITY_DUPLICATE_STREAM', `Stream ${streamId} is in the tree already`)
  }
}

/** The stream is not in the tree. */
export class MissingStreamError extends PriorityError {
  constructor(streamId: number) {
    super('ERR_HYPER_PRIORITY_MISSING_STREAM', `Stream ${streamId} is not in the tree`)
  }
}

/** The tree has as many streams as it may have. */
export class TooManyStreamsError extends PriorityError {
  /** Streams allowed, those counted that are there only because others depend on them. */
  readonly limit: number

  constructor(limit: number) {
    super('ERR_HYPER_PRIORITY_TOO_MANY_STREAMS', `The tree has the ${limit} streams allowed`)
    this.limit = limit
  }
}

/** A weight is no whole number from 1 to 256 (RFC 7540 section 5.3.2). */
export class BadWeightError extends PriorityError {
  constructor(weight: number) {
    super('ERR_HYPER_PRIORITY_BAD_WEIGHT', `The weight ${weight} is not a whole number from 1 to 256`)
  }
}

/** Stream 0 is the root: it can be depended on and nothing else (RFC 7540 section 5.3.1). */
export class PseudoStreamError extends PriorityError {
  constructor() {
    super('ERR_HYPER_PRIORITY_PSEUDO_STREAM', 'Stream 0 is the root of the tree, not a stream')
  }
}
