/** A few numbers about many. */

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1)
}

/** The standard deviation. */
export function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}

/** The value that this share of them does not exceed. @param sorted ascending. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? 0
}

/** So many of them in each part of the way from the least to the greatest. */
export function histogram(values: readonly number[], parts: number): { readonly to: number; readonly count: number }[] {
  const least = Math.min(...values)
  const width = (Math.max(...values) - least) / parts
  const counts = new Array<number>(parts).fill(0)
  for (const value of values) {
    const part = width === 0 ? 0 : Math.min(parts - 1, Math.floor((value - least) / width))
    counts[part] = (counts[part] ?? 0) + 1
  }
  return counts.map((count, i) => ({ to: least + width * (i + 1), count }))
}
