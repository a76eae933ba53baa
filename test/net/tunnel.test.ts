/** What a proxy may answer to CONNECT, and what it may not, over a wire in memory. */
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { ProxyError } from '../../src/errors.ts'
import { MAX_PROXY_HEAD } from '../../src/limits.ts'
import type { Wire } from '../../src/net/link.ts'
import { openTunnel } from '../../src/net/tunnel.ts'

class TestWire extends Duplex implements Wire {
  bytesRead = 0
  bytesWritten = 0
  written = ''

  override _read(): void {}
  override _write(octets: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.written += octets.toString('latin1')
    callback()
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
}

const request = { authority: 'a:1', headers: ['via', 'b'], proxy: 'http://p:2', origin: 'https://a:1' }

/** What came of the pieces that the proxy has said: the wire or the error, or nothing yet. */
async function answered(...pieces: string[]): Promise<TestWire | Error | undefined> {
  const wire = new TestWire()
  let result: TestWire | Error | undefined
  openTunnel(wire, request, {
    done: () => {
      result = wire
    },
    fail: (error) => {
      result = error
    },
  })
  assert.equal(wire.written, 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\nvia: b\r\n\r\n')
  for (const piece of pieces) {
    wire.push(piece, 'latin1')
    await new Promise(setImmediate)
    if (result !== undefined) break
  }
  if (result instanceof Error) assert.ok(wire.destroyed)
  return result
}

async function refused(...pieces: string[]): Promise<ProxyError> {
  const error = await answered(...pieces)
  assert.ok(error instanceof ProxyError, String(error))
  return error
}

test('any 2xx opens the tunnel, and what follows is given back', async () => {
  const wire = await answered('HTTP/1.1 299 Fine\r\nVia:\t1.1 a \r\nContent-Length: 3\r\nx-empty:\r\n\r\nrest')
  assert.ok(wire instanceof TestWire)
  assert.equal(wire.read().toString(), 'rest')
  assert.equal(wire.listenerCount('error') + wire.listenerCount('readable') + wire.listenerCount('close'), 0)
})

test('the proxy’s reply may come octet by octet, and without a reason phrase', async () => {
  const octets = [...'HTTP/1.0 200\r\n\r\n']
  assert.equal(await answered(...octets.slice(0, -1)), undefined)
  assert.ok((await answered(...octets)) instanceof TestWire)
})

test('interim answers are read past, apart or together', async () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'
  const no = await refused(`${early}${early}HTTP/1.1 407 No\r\nX-A:\tb \r\nContent-Length: 2\r\n\r\nno`)
  assert.deepEqual([no.status, no.headers], [407, ['x-a', 'b', 'content-length', '2']])
  assert.match(
    no.message,
    /^The proxy http:\/\/p:2 refused to connect to https:\/\/a:1: 407 No \(it asks for credentials/,
  )
  assert.ok((await answered(early, 'HTTP/1.1 200 OK\r\n\r\n')) instanceof TestWire)
})

describe('a reply of the proxy that is not valid HTTP is refused', () => {
  const bad: Record<string, [string, RegExp]> = {
    'another protocol': ['SSH-2.0-x', /not HTTP\/1\.1: it begins with "SSH-2\.0"$/],
    'HTTP/2': ['HTTP/2 200 OK\r\n\r\n', /"HTTP\/2 200 OK"/],
    'no status': ['HTTP/1.1 OK\r\n\r\n', /"HTTP\/1\.1 OK"/],
    'a status of two digits': ['HTTP/1.1 20 OK\r\n\r\n', /"HTTP\/1\.1 20 OK"/],
    'a switch to another protocol': ['HTTP/1.1 101 Switching\r\n\r\n', /101/],
    'a folded line': ['HTTP/1.1 200 OK\r\na: 1\r\n b\r\n\r\n', /folded/],
    'white space before the colon': ['HTTP/1.1 200 OK\r\na : 1\r\n\r\n', /the line "a : 1" is no header field$/],
    'a line without a colon': ['HTTP/1.1 200 OK\r\nabc\r\n\r\n', /"abc" is no header field/],
    'a bare line feed': ['HTTP/1.1 200 OK\r\na: 1\nb: 2\r\n\r\n', /no header field/],
    'a bare carriage return': ['HTTP/1.1 200 OK\r\na: 1\rb: 2\r\n\r\n', /no header field/],
    'a null octet': ['HTTP/1.1 200 OK\r\na: \0\r\n\r\n', /no header field/],
  }
  for (const [what, [text, message]] of Object.entries(bad)) {
    test(what, async () => {
      const error = await refused(text)
      assert.match(
        error.message,
        /^The proxy http:\/\/p:2 did not connect to https:\/\/a:1: its answer is not HTTP\/1\.1: /,
      )
      assert.match(error.message, message)
      assert.deepEqual([error.status, error.systemCode], [undefined, undefined])
    })
  }
})

test('a head may be as long as the limit says, and no longer', async () => {
  const head = (status: number, size: number): string => {
    const line = `HTTP/1.1 ${status} OK\r\na: `
    return `${line}${'x'.repeat(size - line.length - 4)}\r\n\r\n`
  }
  const tunnelled = await answered(`${head(200, MAX_PROXY_HEAD)}and the tunnel's own`)
  assert.ok(tunnelled instanceof TestWire)
  assert.equal((await refused(`${head(403, MAX_PROXY_HEAD)}its body`)).status, 403)
  const longer = /: the head of its answer is longer than 16384 octets$/
  for (const status of [200, 403]) assert.match((await refused(head(status, MAX_PROXY_HEAD + 1))).message, longer)
  assert.match((await refused(head(200, MAX_PROXY_HEAD * 2).slice(0, MAX_PROXY_HEAD + 1))).message, longer)
})

test('the limit counts the heads of all replies together', async () => {
  const early = 'HTTP/1.1 103 Early\r\na: '
  const half = `${early}${'x'.repeat(MAX_PROXY_HEAD / 2)}\r\n\r\n`
  const longer = /: the head of its answer is longer than/
  for (const status of [200, 403]) {
    const last = `HTTP/1.1 ${status} OK\r\na: ${'x'.repeat(MAX_PROXY_HEAD / 2)}\r\n\r\n`
    assert.match((await refused(half + last)).message, longer)
    assert.match((await refused(half, last)).message, longer)
  }
  assert.match((await refused(half, half)).message, longer)
  const short = 'HTTP/1.1 103 Early\r\n\r\n'
  assert.match((await refused(short.repeat(Math.ceil(MAX_PROXY_HEAD / short.length)))).message, longer)
  const fields = `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(1000)}\r\n`
  assert.ok((await answered(fields)) instanceof TestWire)
})

test('an end without an answer, and an error of the wire', async () => {
  for (const [text, end] of [
    ['', (wire: TestWire) => wire.push(null)],
    ['HTTP/1.1 200', (wire: TestWire) => wire.push(null)],
    ['', (wire: TestWire) => wire.destroy(new Error('cut'))],
  ] as const) {
    const wire = new TestWire()
    const failed = new Promise<Error>((resolve) => {
      openTunnel(wire, request, { done: () => assert.fail(), fail: resolve })
    })
    if (text !== '') wire.push(text)
    end(wire)
    assert.match((await failed).message, /closed the connection without an answer$|^cut$/)
    assert.ok(wire.destroyed)
  }
})

test('a cancelled tunnel calls nothing back', async () => {
  const wire = new TestWire()
  openTunnel(wire, request, { done: () => assert.fail(), fail: () => assert.fail() })()
  assert.ok(wire.destroyed)
  await new Promise(setImmediate)
})
