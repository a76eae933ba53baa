/** What the ratios of paired turns say: matrix.ts has the rule in words. */

export interface Verdict {
  readonly median: number
  /** Between these the true median lies, with the confidence beside. */
  readonly low: number
  readonly high: number
  readonly confidence: number
}

/**
 * The median of the ratios, and an interval for it by the order of the values alone (the sign test's): no shape of the noise is
 * assumed. The interval is the narrowest that is right in at least 95 of 100 cases; below six values there is none, and it
 * goes from the least to the greatest with less confidence.
 */
export function verdictOf(ratios: readonly number[]): Verdict {
  const sorted = [...ratios].sort((a, b) => a - b)
  const count = sorted.length
  if (count === 0) return { median: Number.NaN, low: Number.NaN, high: Number.NaN, confidence: 0 }
  let cut = 0
  let confidence = 1 - 2 * 0.5 ** count
  let tail = 0.5 ** count
  let term = tail
  for (let i = 1; i < count / 2; i++) {
    term *= (count - i + 1) / i
    tail += term
    if (1 - 2 * tail < 0.95) break
    cut = i
    confidence = 1 - 2 * tail
  }
  const middle = count >> 1
  const median = count % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, low: sorted[cut], high: sorted[count - 1 - cut], confidence }
}

export type Word = 'win' | 'even' | 'loss' | 'undecided'

/** `even`: the interval has 1.0 in it. `undecided`: too few pairs to say anything. */
export function wordOf({ low, high, confidence }: Verdict): Word {
  if (confidence < 0.95) return 'undecided'
  if (high < 1) return 'loss'
  return low > 1 ? 'win' : 'even'
}
