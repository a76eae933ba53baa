import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFailedHandshake, systemError, toNodeError, undiciCode } from '../../../adapters/common/errors.ts'
import { fieldsToUndiciHeaders, joinedField, nodeHeaders, statusText } from '../../../adapters/common/headers.ts'
import { resolvePool, sharedPool, sharedTransport } from '../../../adapters/common/pool.ts'
import { ConnectError, ConnectionLostError, TimeoutError } from '../../../src/errors.ts'
import { Pool } from '../../../src/pool/pool.ts'

const fields = [
  'a',
  '1',
  'set-cookie',
  'x=1',
  'cookie',
  'c=1',
  'a',
  '2',
  'cookie',
  'd=2',
  '__proto__',
  'p',
  'constructor',
  'c',
]

test('fields become the headers of node:http', () => {
  const headers = nodeHeaders(fields)
  assert.deepEqual(Object.entries(headers), [
    ['a', '1, 2'],
    ['set-cookie', ['x=1']],
    ['cookie', 'c=1; d=2'],
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ])
  assert.equal(Object.getPrototypeOf(headers), Object.prototype)
})

test('fields become the headers of undici', () => {
  const headers = fieldsToUndiciHeaders(fields)
  assert.deepEqual(Object.entries(headers), [
    ['a', ['1', '2']],
    ['set-cookie', 'x=1'],
    ['cookie', ['c=1', 'd=2']],
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ])
  assert.equal(Object.getPrototypeOf(headers), Object.prototype)
})

test('a field that is repeated is joined', () => {
  assert.equal(joinedField(fields, 'a'), '1, 2')
  assert.equal(joinedField(fields, 'none'), undefined)
})

test('without options the process-wide pool is used, and a new one after it was closed', async () => {
  assert.deepEqual(resolvePool(), { transport: sharedTransport, own: undefined })
  assert.deepEqual(resolvePool({ tls: undefined, pool: undefined }), { transport: sharedTransport, own: undefined })
  const first = sharedPool()
  assert.equal(sharedPool(), first)
  await first.close()
  assert.notEqual(sharedPool(), first)
  await sharedPool().close()
})

test('a pool that is given is used, any other option makes a pool of its own', async () => {
  await using pool = new Pool()
  assert.deepEqual(resolvePool({ pool }), { transport: pool, own: undefined })
  const { transport, own } = resolvePool({ connections: 2 })
  assert.ok(own instanceof Pool)
  assert.equal(transport, own)
  await own.close()
})

test('the code of the system is found through the causes', () => {
  const system = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const connect = new ConnectError('no connection', { phase: 'tcp', cause: system })
  const shown = systemError(connect)
  assert.equal(shown?.cause, system)
  assert.equal(shown.message, 'no connection')
  assert.equal(Reflect.get(shown, 'code'), 'ECONNREFUSED')
  assert.equal(systemError(new ConnectionLostError('lost')), undefined)
})

test("an error without a code that the caller's own check or lookup threw gets none, so that it is not taken for a lost connection", () => {
  for (const phase of ['tls', 'dns'] as const) {
    const mine = Object.assign(new RangeError('not this one'), { reason: 'mine' })
    const given = toNodeError(new ConnectError('no connection', { phase, cause: mine }))
    assert.equal(Reflect.get(given, 'code'), undefined)
    assert.equal(Reflect.get(given, 'reason'), 'mine')
    assert.equal(given.cause, mine)
  }
})

test('a handshake that failed is EPROTO, a certificate that is not liked is not', () => {
  const tls = (code: string): ConnectError =>
    new ConnectError('no connection', { phase: 'tls', cause: Object.assign(new Error(code), { code }) })
  const handshake = toNodeError(tls('ERR_SSL_WRONG_VERSION_NUMBER'))
  assert.equal(Reflect.get(handshake, 'code'), 'EPROTO')
  assert.equal(Reflect.get(handshake, 'syscall'), 'write')
  assert.equal(Reflect.get(toNodeError(tls('CERT_HAS_EXPIRED')), 'code'), 'CERT_HAS_EXPIRED')
  assert.equal(isFailedHandshake(tls('CERT_HAS_EXPIRED')), false)
  // A list of ciphers of the caller's that names none.
  assert.equal(Reflect.get(toNodeError(tls('ERR_SSL_NO_CIPHER_MATCH')), 'code'), 'ERR_SSL_NO_CIPHER_MATCH')
})

test("undici's codes are known for ours", () => {
  assert.equal(undiciCode(new TimeoutError('headers', 5)), 'UND_ERR_HEADERS_TIMEOUT')
  assert.equal(undiciCode(new ConnectionLostError('lost')), 'UND_ERR_SOCKET')
})

test('reason phrases are those of node:http', () => {
  assert.equal(statusText(404), 'Not Found')
  assert.equal(statusText(799), '')
})
