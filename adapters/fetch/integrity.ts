/** Subresource Integrity: does a body match one of the hashes that the caller gave? */
import { createHash } from 'node:crypto'

/** From the weakest to the strongest; only the strongest that is given counts. */
const algorithms = ['sha256', 'sha384', 'sha512']

/** Does the body match? Metadata without a single hash that is understood matches everything. */
export function matchesIntegrity(bytes: Uint8Array, metadata: string): boolean {
  let strongest = -1
  let hashes: string[] = []
  for (const item of metadata.split(/[\t\n\f\r ]+/)) {
    const found = /^(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?$/.exec(item)
    if (found === null) continue
    const strength = algorithms.indexOf(found[1])
    if (strength < strongest) continue
    if (strength > strongest) hashes = []
    strongest = strength
    hashes.push(found[2])
  }
  if (strongest === -1) return true
  const actual = createHash(algorithms[strongest]).update(bytes).digest()
  return hashes.some((hash) => Buffer.from(hash, 'base64').equals(actual))
}
