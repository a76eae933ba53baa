/** Whom the command trusts where --verify says nothing: whom the environment names, as with HTTPie and curl. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testCertificate } from '../support/certificate.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { type Folder, folder, hyper, spawnHyper } from './command.ts'

let files: Folder
let origin: TestOrigin

before(async () => {
  files = await folder()
  origin = await startH2Origin()
})

after(async () => {
  await origin.close()
  await files[Symbol.asyncDispose]()
})

for (const name of ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE']) {
  test(`${name} names the authorities to trust, unless --verify says something`, async () => {
    const env = { [name]: files.ca }
    assert.equal((await hyper(['-q', `${origin.origin}/json`], { env })).code, 0)
    assert.equal((await hyper(['-q', '-F', `${origin.origin}/redirect`, 'X-A:b'], { env })).code, 0)
    assert.match(
      (await hyper(['--verify', 'yes', `${origin.origin}/json`], { env })).stderr,
      /not signed by a trusted authority/,
    )
    const missing = { [name]: '/no/such/file' }
    assert.equal((await hyper(['-q', '--verify', files.ca, `${origin.origin}/json`], { env: missing })).code, 0)
    const { code, stderr } = await hyper([`${origin.origin}/json`], { env: missing })
    assert.match(stderr, new RegExp(`^hyper: error: ${name} "/no/such/file" cannot be read: ENOENT`))
    assert.equal(code, 2)
  })
}

test('the first variable that is set counts, and an empty one is not set', async () => {
  const env = { REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: files.ca, SSL_CERT_FILE: '/no/such/file' }
  assert.equal((await hyper(['-q', `${origin.origin}/json`], { env })).code, 0)
})

test('they are read for TLS only', async () => {
  await using plain = await startH1Origin({}, { plain: true })
  const env = { SSL_CERT_FILE: '/no/such/file' }
  assert.equal((await hyper(['-q', `${plain.origin}/json`], { env })).code, 0)
})

test('those of NODE_EXTRA_CA_CERTS count beside them', async () => {
  const { cert } = await testCertificate()
  const other = await files.write('other.pem', cert)
  const url = `${origin.origin}/json`
  for (const [extra, code] of [
    [files.ca, 0],
    ['', 1],
  ] as const) {
    const env = { SSL_CERT_FILE: other, REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: '', NODE_EXTRA_CA_CERTS: extra }
    for (const argv of [
      ['-q', url],
      ['-q', '--ssl', 'tls1.3', url],
    ]) {
      assert.equal((await spawnHyper(argv, undefined, env).outcome).code, code)
    }
  }
})

test('they go beside a client certificate and parameters of TLS', async () => {
  const env = { SSL_CERT_FILE: files.ca }
  assert.equal((await hyper(['-q', '--ssl', 'tls1.3', `${origin.origin}/json`], { env })).code, 0)
})
