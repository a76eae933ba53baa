/** Subresource Integrity: does a body match one of the hashes that the caller gave? */
import { createHash } from 'node:crypto'

/** From the weakest to the strongest; only the strongest that is given counts. */
const algorithms = ['sha256', 'sha384', 'sha512']

/** Does the body match? Metadata that names no algorithm we know matches everything (SRI, parse metadata). */
export function matchesIntegrity(bytes: Uint8Array, metadata: string): boolean {
  let strongest = -1
  let hashes: string[] = []
  for (const item of metadata.split(/[\t\n\f\r ]+/)) {
    // Whatever stands for the value: one that no body can have is a hash that does not match, not one that is left out.
    const [, algorithm = '', value = ''] = /^([^?-]*)-?([^?]*)/.exec(item) ?? []
    const strength = algorithms.indexOf(algorithm)
    if (strength === -1 || strength < strongest) continue
    if (strength > strongest) hashes = []
    strongest = strength
    hashes.push(value)
  }
  if (strongest === -1) return true
  const actual = createHash(algorithms[strongest]).update(bytes).digest()
  return hashes.some((hash) => isBase64(hash) && Buffer.from(hash, 'base64').equals(actual))
}

/** Buffer reads over what is none. */
function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)
}
