/**
 * What came of a response while its reader was paused: the pieces of its body, and its end. Made when the first of it comes,
 * for what was sent before the peer felt the pause.
 *
 * Rules
 * - What was withheld is handed on in its order, until the reader pauses again.
 * - A reader that pauses and resumes while it is handed a piece leaves the rest to the loop that runs.
 */
import { type FieldList, NO_FIELDS } from '../headers/fields.ts'

/** Who is handed the pieces. */
export interface Reading {
  /** Not while it is paused, nor once it is over. */
  readonly isReading: boolean
  deliver(piece: Buffer): void
}

export class Withheld {
  readonly pieces: Buffer[] = []
  trailers: FieldList = NO_FIELDS
  rawTrailers: FieldList | undefined
  /** The loop of `handOn()` runs. */
  handing = false

  handOn(reader: Reading): void {
    const { pieces } = this
    let next = 0
    this.handing = true
    while (next < pieces.length && reader.isReading) reader.deliver(pieces[next++])
    this.handing = false
    pieces.splice(0, next)
  }
}
