/** Names of options: what is none is refused, with the name that was probably meant. */
import { InvalidArgumentError } from './errors.ts'

/**
 * @param given own properties count; one that is undefined is as good as absent.
 * @param known the names there are.
 * @param prefix stands before the name in the message: `tls.`.
 * @param hints what to say of names that others have, and this has not.
 * @throws {InvalidArgumentError} naming the unknown option, and the nearest known one.
 */
export function refuseUnknown(
  given: object,
  known: ReadonlySet<string>,
  prefix = '',
  hints: Readonly<Record<string, string>> = {},
): void {
  const message = unknownOption(given, known, prefix, hints)
  if (message !== undefined) throw new InvalidArgumentError(message)
}

/** As `refuseUnknown`, for those who throw an error of their own: its message, or undefined when all names are known. */
export function unknownOption(
  given: object,
  known: ReadonlySet<string>,
  prefix = '',
  hints: Readonly<Record<string, string>> = {},
): string | undefined {
  for (const name of Object.keys(given)) {
    if (known.has(name) || Reflect.get(given, name) === undefined) continue
    const nearest = nearestName(name, known)
    const meant = nearest === undefined ? '' : `: did you mean ${prefix}${nearest}?`
    return `There is no option ${prefix}${name}${Object.hasOwn(hints, name) ? `: ${hints[name]}` : meant}`
  }
  return undefined
}

/** The name that differs least, if it differs by little. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const one of known) {
    const steps = distance(name.toLowerCase(), one.toLowerCase(), least)
    if (steps >= least) continue
    least = steps
    nearest = one
  }
  return nearest
}

/** How many letters to put in, leave out, replace, or swap with their neighbour; of more than `limit` no more is said. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) next[j] = Math.min(next[j], before[j - 2] + 1)
    }
    before = row
    row = next
  }
  return row[b.length]
}
