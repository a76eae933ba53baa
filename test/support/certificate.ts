/**
 * One test authority and one server certificate, made once a process, so that tests keep verification switched on.
 *
 * The server certificate is good for `localhost`, `127.0.0.1` and `::1`; a client certificate comes with it for tests of
 * mutual TLS. Elliptic-curve keys, because making them takes a few milliseconds where RSA takes hundreds.
 */
import { generate } from 'selfsigned'

/** PEM texts. `ca` verifies `cert` and `clientCert`. */
export interface TestCertificate {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly clientCert: string
  readonly clientKey: string
}

let made: Promise<TestCertificate> | undefined

/** The certificate of this process; always the same one. */
export function testCertificate(): Promise<TestCertificate> {
  made ??= make()
  return made
}

/** A certificate for other names, signed by the same authority. */
export async function certificateFor(...names: readonly string[]): Promise<{ ca: string; cert: string; key: string }> {
  const authority = await testAuthority()
  const leaf = await generate([{ name: 'commonName', value: names[0] ?? 'localhost' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (/^[\d.]+$|:/.test(name) ? { type: 7, ip: name } : { type: 2, value: name })),
      },
    ],
  })
  return { ca: authority.cert, cert: leaf.cert, key: leaf.private }
}

const common = { keyType: 'ec', algorithm: 'sha256' } as const

type Generated = Awaited<ReturnType<typeof generate>>

let authority: Promise<Generated> | undefined

function testAuthority(): Promise<Generated> {
  authority ??= generate([{ name: 'commonName', value: 'Test Authority' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  return authority
}

async function make(): Promise<TestCertificate> {
  const [server, client] = await Promise.all([
    certificateFor('localhost', '127.0.0.1', '::1'),
    certificateFor('test client'),
  ])
  return { ca: server.ca, cert: server.cert, key: server.key, clientCert: client.cert, clientKey: client.key }
}
