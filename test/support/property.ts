/**
 * fast-check for tests of properties: the same cases in every run, so that no run fails by chance and no failure goes away.
 * `npm run fuzz` draws others, and more of them: PROPERTY_SEED is the first number, PROPERTY_RUNS how many times as many.
 */
import fc from 'fast-check'

const seed = Number(process.env['PROPERTY_SEED'] ?? 9113)
const times = Number(process.env['PROPERTY_RUNS'] ?? 1)

fc.configureGlobal({ seed, numRuns: 100 * times })

/** Options of a property of which 100 cases are too few or too many. */
export function runs(usual: number): { numRuns: number } {
  return { numRuns: usual * times }
}

export { fc }
