/** `HTTPResponse`: the ways to read a body, over both protocols, and what bounds them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import zlib from 'node:zlib'
import { HTTP20Connection, HTTPConnection, type HTTPConnectionOptions } from '../../src/index.ts'
import { MAX_DECODING_RATIO, RESPONSE_BUFFER } from '../../src/limits.ts'
import { rejection } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { codedText, patternBytes } from '../support/routes.ts'

const protocols = [
  { name: 'HTTP/2', start: startH2Origin },
  { name: 'HTTP/1.1', start: startH1Origin },
] as const

function connectionTo(origin: TestOrigin, options: HTTPConnectionOptions = {}): HTTPConnection {
  return new HTTPConnection(`localhost:${origin.port}`, { secure: true, tls: { ca: origin.ca }, ...options })
}

for (const { name, start } of protocols) {
  describe(`a response over ${name}`, () => {
    test('read(n) gives n octets, fewer only at the end of the body, and after it none', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/bytes/100000')
      const parts: Buffer[] = []
      for (;;) {
        const part = await response.read(30_001)
        if (part.length === 0) break
        parts.push(part)
      }
      assert.deepEqual(
        parts.map((part) => part.length),
        [30_001, 30_001, 30_001, 9997],
      )
      assert.deepEqual(Buffer.concat(parts), patternBytes(100_000))
      assert.equal((await response.read()).length, 0)
      assert.equal((await response.read(0)).length, 0)
    })

    test('reads that overlap are served in the order of their calls', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/bytes/10')
      const parts = await Promise.all([response.read(3), response.read(3), response.read()])
      assert.deepEqual(Buffer.concat(parts), patternBytes(10))
      assert.deepEqual(
        parts.map((part) => part.length),
        [3, 3, 4],
      )
    })

    test('read(n) after which the rest is iterated or streamed', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/gzip')
      const first = await response.read(5)
      let text = first.toString()
      for await (const chunk of response) text += chunk.toString()
      assert.equal(text, codedText)
    })

    test('body is one Node stream, with backpressure', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/bytes/2000000')
      assert.equal(response.body, response.body)
      const chunks: Buffer[] = []
      for await (const chunk of response.body) chunks.push(chunk)
      assert.deepEqual(Buffer.concat(chunks), patternBytes(2_000_000))
    })

    test('destroying body closes the response; the connection lives on', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/slow-body')
      const { body } = response
      await once(body, 'readable')
      body.destroy()
      await once(body, 'close')
      assert.equal((await rejection(response.trailers)).message, 'The exchange was aborted')
      assert.equal((await (await connection.roundTrip('GET', '/bytes/1')).bytes()).length, 1)
    })

    test('destroying body closes the response before it was read, and while it waits', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      for (const reads of [false, true]) {
        const { body, trailers } = await connection.roundTrip('GET', '/slow-body')
        if (reads) {
          body.resume()
          await once(body, 'data')
        }
        body.destroy()
        await once(body, 'close')
        assert.equal((await rejection(trailers)).message, 'The exchange was aborted')
      }
    })

    test('a failed body rejects each read, and never looks like a body that ended', async () => {
      await using origin = await start({
        '/cut': (_call, answer) => {
          answer.head(200)
          answer.write('half')
          setImmediate(() => answer.cut())
        },
      })
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/cut')
      const { message } = await rejection(response.text())
      assert.equal((await rejection(response.text())).message, message)
      assert.equal((await rejection(response.read(1))).message, message)
      assert.equal((await rejection(once(response.body.resume(), 'end'))).message, message)
    })

    test('a body that cannot be decoded is not waited for', async () => {
      const closed = Promise.withResolvers<void>()
      await using origin = await start({
        '/endless': (_call, answer) => {
          answer.head(200, { 'content-encoding': 'gzip' })
          answer.write('this is no gzip')
          answer.stream.on('close', () => closed.resolve())
        },
      })
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/endless')
      assert.match((await rejection(response.text())).message, /not valid gzip/)
      assert.match((await rejection(response.text())).message, /not valid gzip/)
      assert.match((await rejection(response.trailers)).message, /not valid gzip/)
      await closed.promise
    })

    test('leaving a loop over the pieces closes the response', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/slow-body')
      for await (const chunk of response.readChunked()) {
        assert.equal(chunk.toString(), 'begin')
        break
      }
      assert.equal((await rejection(response.trailers)).message, 'The exchange was aborted')
      assert.equal((await response.read()).length, 0)
    })

    test('a read that is pending at close() does not look like the end of the body', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const ask = async () => {
        const response = await connection.roundTrip('GET', '/bytes/1000')
        // All of it has come.
        await response.trailers
        return response
      }
      const aborted = { code: 'ERR_HYPER_ABORTED' }
      await assert.rejects(async () => {
        await using response = await ask()
        // Closed before it is read: an await is missing here.
        return response.text()
      }, aborted)
      const streamed = await ask()
      const { body } = streamed
      await streamed.close()
      await assert.rejects(once(body.resume(), 'end'), aborted)
      const iterated = await connection.roundTrip('GET', '/bytes/1000000')
      const other = iterated.readChunked()
      await other.next()
      for await (const _ of iterated) break
      await assert.rejects(async () => {
        for await (const _ of other);
      }, aborted)
      assert.equal((await iterated.read()).length, 0)
      const read = await ask()
      await read.bytes()
      await read.close()
      assert.equal((await read.read()).length, 0)
    })

    test('await using closes it', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const trailers = await (async () => {
        await using response = await connection.roundTrip('GET', '/slow-body')
        return response.trailers
      })().catch((error: unknown) => error)
      assert.equal(Reflect.get(Object(trailers), 'code'), 'ERR_HYPER_ABORTED')
    })

    test('trailers come when the body has been read', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/trailers')
      const trailers = response.trailers
      assert.equal(await response.text(), 'hello')
      assert.equal((await trailers).text('x-checksum'), 'abc')
      assert.equal(await response.trailers, await trailers)
      assert.ok(!response.headers.has('x-checksum'))
    })

    test('a body cannot be read both decoded and as it came', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/gzip')
      await response.read(1)
      const error = await rejection(response.read(1, { decodeContent: false }))
      assert.match(error.message, /being read decoded/)
      const other = await connection.roundTrip('GET', '/gzip')
      await other.read(1, { decodeContent: false })
      assert.match((await rejection(other.text())).message, /being read as it came/)
      await response.close()
      await other.close()
    })

    test('read() refuses anything but a whole number of octets', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/json')
      for (const size of [-1, 1.5, Number.NaN, '3' as never]) {
        assert.match((await rejection(response.read(size))).message, /whole number/)
      }
      await response.bytes()
    })

    test('what was received before a failure is given before it', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/cut')
      assert.equal((await response.read(5)).toString(), 'begin')
      const error = await rejection(response.read())
      assert.match(String(Reflect.get(error, 'code')), /^ERR_HYPER_/)
      assert.match(String(Reflect.get(await rejection(response.trailers), 'code')), /^ERR_HYPER_/)
    })

    test('reading a coded body that ends too early or is not valid fails, and other requests go on', async () => {
      await using origin = await start({
        '/not-gzip': (_call, answer) => {
          answer.head(200, { 'content-encoding': 'gzip' })
          answer.end('this is no gzip')
        },
      })
      await using connection = connectionTo(origin)
      for (const path of ['/cut-gzip', '/not-gzip']) {
        const response = await connection.roundTrip('GET', path)
        const error = await rejection(response.text())
        assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_CONTENT_DECODING', path)
      }
      assert.equal((await (await connection.roundTrip('GET', '/bytes/1')).bytes()).length, 1)
    })

    test('a decompression bomb is stopped by its ratio, or by the size that the caller allows', async () => {
      const bomb = zlib.gzipSync(zlib.gzipSync(Buffer.alloc(80 * 1024 * 1024)))
      assert.ok(bomb.length * MAX_DECODING_RATIO < 64 * 1024 * 1024)
      await using origin = await start({
        '/bomb': (_call, answer) => {
          answer.head(200, { 'content-encoding': 'gzip, gzip' })
          answer.end(bomb)
        },
      })
      await using connection = connectionTo(origin)
      const error = await rejection((await connection.roundTrip('GET', '/bomb')).read())
      assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_CONTENT_LIMIT')
      assert.match(error.message, /1100 times/)
      await using small = connectionTo(origin, { maxDecodedSize: codedText.length - 1 })
      const tooLong = await rejection((await small.roundTrip('GET', '/gzip')).text())
      assert.match(tooLong.message, new RegExp(`longer than the ${codedText.length - 1} octets allowed`))
      await using enough = connectionTo(origin, { maxDecodedSize: codedText.length })
      assert.equal(await (await enough.roundTrip('GET', '/gzip')).text(), codedText)
    })

    test('an answer to HEAD has no body to be decoded', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const response = await connection.roundTrip('HEAD', '/gzip')
      assert.equal(response.headers.text('content-encoding'), 'gzip')
      assert.equal(await response.text(), '')
    })
  })
}

describe('a response that nobody reads', () => {
  test('an unread response buffers a limited number of octets and stops its own stream only; the octets can be read later', async () => {
    await using server = await FrameServer.start({
      onRequest: (peer, streamId, fields) => {
        if (fields.includes('/small')) return peer.respond(streamId, 'small')
        peer.headers(streamId, [':status', '200'])
        for (let i = 0; i < 63; i++) peer.data(streamId, Buffer.alloc(16_384, i))
      },
    })
    const window = 4 * RESPONSE_BUFFER
    await using connection = new HTTP20Connection(server.origin, { streamWindow: window })
    const big = await connection.roundTrip('GET', '/big')
    assert.equal(await (await connection.roundTrip('GET', '/small')).text(), 'small')
    const [peer] = server.connections
    assert.ok(peer !== undefined)
    assert.equal(peer.count('WINDOW_UPDATE', 1), 0)
    const read = await big.read(16_384)
    assert.deepEqual(read, Buffer.alloc(16_384, 0))
    for (let i = 1; i < 50; i++) assert.deepEqual(await big.read(16_384), Buffer.alloc(16_384, i))
    await server.until(() => peer.count('WINDOW_UPDATE', 1) > 0)
    await big.close()
  })
})

describe('the pieces of a response', () => {
  test('are the DATA frames of HTTP/2; empty ones are left out', async () => {
    const read = Promise.withResolvers<void>()
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        peer.headers(streamId, [':status', '200'])
        peer.data(streamId, 'one')
        peer.data(streamId, '')
        peer.data(streamId, 'two')
        void read.promise.then(() => peer.data(streamId, 'three', true))
      },
    })
    await using connection = new HTTP20Connection(server.origin)
    const response = await connection.roundTrip('GET', '/')
    const pieces: string[] = []
    for await (const piece of response.readChunked()) {
      pieces.push(piece.toString())
      if (pieces.length === 2) read.resolve()
    }
    assert.deepEqual(pieces, ['one', 'two', 'three'])
  })

  test('are the chunks of HTTP/1.1', async () => {
    await using origin = await startH1Origin({
      '/chunks': (_call, answer) => {
        answer.head(200)
        answer.write('one')
        answer.write('two')
        answer.end('three')
      },
    })
    await using connection = connectionTo(origin)
    const response = await connection.roundTrip('GET', '/chunks')
    const pieces: string[] = []
    for await (const piece of response.readChunked()) pieces.push(piece.toString())
    assert.deepEqual(pieces, ['one', 'two', 'three'])
  })
})
