/** The names of node:tls's options, as every library spells them. */
import type { TlsOptions } from '../../src/net/options.ts'

/** TLS material and parameters by node:tls's names, which every library uses for them. */
export const TLS_MATERIAL = [
  'ca',
  'cert',
  'key',
  'pfx',
  'passphrase',
  'servername',
  'ciphers',
  'ecdhCurve',
  'sigalgs',
  'crl',
  'dhparam',
  'minVersion',
  'maxVersion',
] as const satisfies readonly (keyof TlsOptions)[]

/** The same, with what decides on verification and what is made of it beforehand. */
export const TLS_OPTIONS = [
  ...TLS_MATERIAL,
  'rejectUnauthorized',
  'checkServerIdentity',
  'secureContext',
  'session',
] as const satisfies readonly (keyof TlsOptions)[]
