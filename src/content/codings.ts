/** Reads `content-encoding`. */
import { ContentLimitError } from './errors.ts'

/** A coding that can be undone. */
export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd'

/**
 * How many codings in a row are undone. Real servers apply one, rarely two; each further one lets a small body cost
 * another factor of a thousand, which is the lesson of CVE-2022-32206.
 */
export const maxCodings = 5

const known = new Map<string, Coding | 'identity'>([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
  ['identity', 'identity'],
])

const single = new Map<string, readonly Coding[]>([
  ['gzip', ['gzip']],
  ['deflate', ['deflate']],
  ['br', ['br']],
  ['zstd', ['zstd']],
])

/**
 * The codings of a body in the order in which they were applied, so that the last is undone first.
 *
 * @param header the field value; several field lines joined by commas
 * @returns `undefined` when there is nothing to decode: no header, only `identity`, or a coding not understood
 * @throws ContentLimitError for more than {@link maxCodings}
 */
export function parseCodings(header: string | undefined): readonly Coding[] | undefined {
  if (header === undefined || header === '') return undefined
  const common = single.get(header)
  if (common !== undefined) return common
  const codings: Coding[] = []
  let unknown = false
  for (const part of header.toLowerCase().split(',')) {
    const name = part.trim()
    if (name === '') continue
    const coding = known.get(name)
    if (coding === undefined) unknown = true
    else if (coding !== 'identity') codings.push(coding)
  }
  if (codings.length > maxCodings) {
    throw new ContentLimitError(
      `The response has ${codings.length} content codings in a row; at most ${maxCodings} are decoded`,
    )
  }
  return unknown || codings.length === 0 ? undefined : codings
}
