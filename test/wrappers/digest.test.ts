/** Digest authentication: the examples of RFC 7616 and RFC 2069, and how challenges are read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseChallenges } from '../../src/wrappers/challenge.ts'
import { DigestAuth } from '../../src/wrappers/digest.ts'
import { fc } from '../support/property.ts'

const get = { method: 'GET', uri: '/dir/index.html', body: new Uint8Array() }

function answer(challenge: string, credentials: string, cnonce: string, request = get): string {
  const auth = new DigestAuth(credentials)
  assert.equal(auth.take(parseChallenges(challenge)), true)
  return auth.authorize(request, cnonce) ?? ''
}

const both =
  'realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ'

test('MD5 and SHA-256 as in section 3.9.1 of RFC 7616', () => {
  const md5 = answer(`Digest ${both}, algorithm=MD5`, 'Mufasa:Circle of Life', cnonce)
  assert.match(md5, /response="8ca523f5e9506fed4657c9700eebdbec"/)
  assert.match(md5, /^Digest username="Mufasa", realm="http-auth@example\.org", .*qop=auth, nc=00000001, cnonce=/)
  const sha = answer(`Digest ${both}, algorithm=SHA-256`, 'Mufasa:Circle of Life', cnonce)
  assert.match(sha, /response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"/)
})

test('SHA-512/256 with a hashed name as in section 3.9.2', () => {
  const challenge =
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
  const request = { method: 'GET', uri: '/doe.json', body: new Uint8Array() }
  const made = answer(challenge, 'J\u00e4s\u00f8n Doe:Secret, or not?', 'NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm', request)
  // The name as the errata of the RFC have it; the answer as hashlib of Python reckons it.
  assert.match(made, /username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"/)
  assert.match(made, /response="7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c"/)
  assert.match(made, /, userhash=true$/)
})

test('a server of RFC 2069 is answered without qop', () => {
  const made = answer('Digest realm="r", nonce="n"', 'u:p', 'c')
  assert.doesNotMatch(made, /qop|cnonce|algorithm/)
})

test('each use of a nonce is counted, and a new nonce starts at 1 again', () => {
  const auth = new DigestAuth('u:p')
  auth.take(parseChallenges('Digest realm="r", nonce="n", qop=auth'))
  assert.match(auth.authorize(get) ?? '', /nc=00000001/)
  assert.match(auth.authorize(get) ?? '', /nc=00000002/)
  assert.equal(auth.take(parseChallenges('Digest realm="r", nonce="m", qop=auth, stale=true')), true)
  assert.match(auth.authorize(get) ?? '', /nc=00000001/)
})

test('a second challenge that is not stale means that the password is wrong', () => {
  const auth = new DigestAuth('u:p')
  const challenges = parseChallenges('Digest realm="r", nonce="n", qop=auth')
  assert.equal(auth.take(challenges), true)
  assert.equal(auth.take(challenges), false)
})

test('of several challenges the first that can be answered counts', () => {
  const list = parseChallenges(
    'Basic realm="a, b", Digest realm="r", nonce="n", algorithm=SHA-999, Digest realm="q\\"q", nonce="m", algorithm=MD5-sess, qop="auth-int,auth", Negotiate, Bearer abc==',
  )
  assert.deepEqual(
    list.map(({ scheme }) => scheme),
    ['basic', 'digest', 'digest', 'negotiate', 'bearer'],
  )
  const auth = new DigestAuth('u:p')
  assert.equal(auth.take(list), true)
  assert.match(auth.authorize(get) ?? '', /realm="q\\"q", nonce="m".*algorithm=MD5-sess, qop=auth,/)
  assert.equal(new DigestAuth('u:p').take(parseChallenges('Basic realm="a"')), false)
})

test('any text is read without failing', () => {
  fc.assert(fc.property(fc.stringMatching(/^[Digest a-c="\\,]{0,40}$/), (text) => void parseChallenges(text)))
})
