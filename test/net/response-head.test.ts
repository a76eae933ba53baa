import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MAX_PROXY_HEAD } from '../../src/limits.ts'
import { type ResponseHead, ResponseHeadReader } from '../../src/net/response-head.ts'

function read(text: string): ResponseHead | Error | undefined {
  return new ResponseHeadReader().receive(Buffer.from(text, 'latin1'))
}

test('status, reason and fields are read, and what follows is given back', () => {
  const head = read('HTTP/1.1 200 Connection established\r\nVia:\t1.1 a \r\nx-empty:\r\n\r\nrest')
  assert.ok(head !== undefined && !(head instanceof Error))
  assert.deepEqual([head.status, head.reason], [200, 'Connection established'])
  assert.deepEqual(head.fields, ['via', '1.1 a', 'x-empty', ''])
  assert.equal(head.rest.toString(), 'rest')
})

test('it may come octet by octet, and without a reason', () => {
  const reader = new ResponseHeadReader()
  const text = 'HTTP/1.0 200\r\n\r\n'
  for (const octet of text.slice(0, -1)) assert.equal(reader.receive(Buffer.from(octet)), undefined)
  const head = reader.receive(Buffer.from('\n'))
  assert.ok(head !== undefined && !(head instanceof Error))
  assert.deepEqual([head.status, head.reason, head.rest.length], [200, '', 0])
})

test('interim answers are read past, apart or together', () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'
  const whole = read(`${early}${early}HTTP/1.1 407 No\r\n\r\n`)
  assert.ok(whole !== undefined && !(whole instanceof Error))
  assert.equal(whole.status, 407)
  const reader = new ResponseHeadReader()
  assert.equal(reader.receive(Buffer.from(early)), undefined)
  const later = reader.receive(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'))
  assert.ok(later !== undefined && !(later instanceof Error))
})

describe('what is no answer is refused', () => {
  const bad: Record<string, string> = {
    'another protocol': 'SSH-2.0-x',
    'HTTP/2': 'HTTP/2 200 OK\r\n\r\n',
    'no status': 'HTTP/1.1 OK\r\n\r\n',
    'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
    'a switch to another protocol': 'HTTP/1.1 101 Switching\r\n\r\n',
    'a folded line': 'HTTP/1.1 200 OK\r\na: 1\r\n b\r\n\r\n',
    'white space before the colon': 'HTTP/1.1 200 OK\r\na : 1\r\n\r\n',
    'a line without a colon': 'HTTP/1.1 200 OK\r\nabc\r\n\r\n',
    'a bare line feed': 'HTTP/1.1 200 OK\r\na: 1\nb: 2\r\n\r\n',
    'a bare carriage return': 'HTTP/1.1 200 OK\r\na: 1\rb: 2\r\n\r\n',
    'a null octet': 'HTTP/1.1 200 OK\r\na: \0\r\n\r\n',
  }
  for (const [what, text] of Object.entries(bad)) test(what, () => assert.ok(read(text) instanceof Error))
})

test('a head may be as long as the limit says, and no longer', () => {
  const frame = 'HTTP/1.1 200 OK\r\na: \r\n\r\n'
  const fit = `HTTP/1.1 200 OK\r\na: ${'x'.repeat(MAX_PROXY_HEAD - frame.length)}\r\n\r\n`
  assert.equal(fit.length, MAX_PROXY_HEAD)
  assert.ok(!(read(`${fit}and the tunnel's own`) instanceof Error))
  assert.match(String(read(fit.replace('a: ', 'a: x'))), /longer than/)
  assert.match(String(read(`HTTP/1.1 200 OK\r\na: ${'x'.repeat(MAX_PROXY_HEAD)}`)), /longer than/)
  const early = 'HTTP/1.1 103 Early\r\n\r\n'
  const many = early.repeat(Math.ceil(MAX_PROXY_HEAD / early.length))
  assert.match(String(read(many)), /longer than/)
})
