/**
 * A certificate made on the spot, by the package `selfsigned`, which must be installed. It is looked for when it is needed,
 * beside this package, by a call that bundlers do not take for an import.
 */
import { createRequire } from 'node:module'
import { NotSupportedError } from '../errors.ts'

/** PEM texts. */
export interface OriginCertificate {
  /** The certificate, in PEM. */
  readonly cert: string
  /** Its private key, in PEM. */
  readonly key: string
  /** The authority to trust. Default: `cert`. */
  readonly ca?: string | undefined
}

/** What is used of the package. */
interface Maker {
  generate(
    attributes: readonly { readonly name: string; readonly value: string }[],
    options: object,
  ): Promise<{ readonly cert: string; readonly private: string }>
}

const NAMES = [
  { type: 2, value: 'localhost' },
  { type: 7, ip: '127.0.0.1' },
  { type: 7, ip: '::1' },
]

let made: Promise<OriginCertificate> | undefined

/**
 * One for localhost, 127.0.0.1 and ::1, which is its own authority; the same one for all origins of the process.
 * @throws {NotSupportedError} when the package is not installed.
 */
export function makeCertificate(): Promise<OriginCertificate> {
  made ??= make()
  return made
}

async function make(): Promise<OriginCertificate> {
  const { generate } = load()
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    // Elliptic curves: making such a key takes milliseconds.
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: NAMES },
    ],
  })
  return { cert, key }
}

function load(): Maker {
  // A bundler that makes CommonJS leaves no URL.
  const { url }: { readonly url?: string } = import.meta
  try {
    return createRequire(url ?? `${process.cwd()}/`)('selfsigned')
  } catch (error) {
    const why =
      'A certificate is made by the package selfsigned: npm install --save-dev selfsigned, or give one as `certificate`'
    throw new NotSupportedError(why, { cause: error })
  }
}
