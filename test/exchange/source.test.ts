/** A stream of Node's as the source of a body: how it is read, alone and beside others who read it as well. */
import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { UploadBody, type UploadSink } from '../../src/exchange/upload.ts'

/** Takes pieces, a number of them at a time. */
class Attempt implements UploadSink {
  readonly pieces: Uint8Array[] = []
  private room: number
  private readonly over = Promise.withResolvers<void>()

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room
  }

  get whole(): Promise<void> {
    return this.over.promise
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString()
  }

  allow(pieces: number): void {
    this.room = pieces
  }

  onPiece(octets: Uint8Array): boolean {
    this.pieces.push(octets)
    return --this.room > 0
  }

  onUploadEnd(): void {
    this.over.resolve()
  }

  onUploadFailed(error: Error): void {
    this.over.reject(error)
  }
}

/** Gives each of these when it is asked. */
function streamOf(...pieces: Buffer[]): Readable {
  const left = [...pieces]
  return new Readable({
    read() {
      this.push(left.shift() ?? null)
    },
  })
}

const letters = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from([97 + i]))

describe('a stream of Node', () => {
  test('a stream of Node gives its chunks uncopied', async () => {
    const pieces = letters(5)
    const attempt = new Attempt()
    new UploadBody(streamOf(...pieces)).attach(attempt)
    await attempt.whole
    assert.deepEqual(
      pieces.map((piece, i) => attempt.pieces[i] === piece),
      pieces.map(() => true),
    )
  })

  test('gives its first piece at once, so that it goes with the head of the request', () => {
    const attempt = new Attempt()
    new UploadBody(streamOf(...letters(2))).attach(attempt)
    assert.equal(attempt.text, 'a')
  })

  test('is paused while its sink has no room, and gives the rest afterwards', async () => {
    const stream = streamOf(...letters(6))
    const attempt = new Attempt(2)
    const body = new UploadBody(stream)
    body.attach(attempt)
    for (let i = 0; i < 5; i++) await turn()
    assert.deepEqual([attempt.text, stream.isPaused()], ['ab', true])
    attempt.allow(Number.POSITIVE_INFINITY)
    body.resume(attempt)
    await attempt.whole
    assert.equal(attempt.text, 'abcdef')
  })

  test('a stream that the caller paused is read all the same', async () => {
    const attempt = new Attempt()
    new UploadBody(streamOf(...letters(3)).pause()).attach(attempt)
    await attempt.whole
    assert.equal(attempt.text, 'abc')
  })

  test('gives text when it decodes', async () => {
    const attempt = new Attempt()
    new UploadBody(streamOf(Buffer.from('ä'), Buffer.from('b')).setEncoding('utf8')).attach(attempt)
    await attempt.whole
    assert.equal(attempt.text, 'äb')
  })
})

describe('a stream of Node that others look at as well', () => {
  test('is read whole when somebody listens for `readable`', async () => {
    let heard = 0
    const stream = streamOf(...letters(4)).on('readable', () => heard++)
    const attempt = new Attempt()
    new UploadBody(stream).attach(attempt)
    await attempt.whole
    assert.equal(attempt.text, 'abcd')
    assert.ok(heard > 0)
  })

  test('is read whole when somebody else reads it on `readable`', async () => {
    const stream = streamOf(...letters(4))
    stream.on('readable', () => {
      while (stream.read() !== null);
    })
    const attempt = new Attempt()
    new UploadBody(stream).attach(attempt)
    await attempt.whole
    assert.equal(attempt.text, 'abcd')
  })

  test('is read whole when somebody counts its octets by `data`', async () => {
    let counted = 0
    const stream = streamOf(...letters(4))
    const attempt = new Attempt(1)
    const body = new UploadBody(stream)
    body.attach(attempt)
    stream.on('data', (octets: Buffer) => {
      counted += octets.length
    })
    attempt.allow(Number.POSITIVE_INFINITY)
    body.resume(attempt)
    await attempt.whole
    assert.deepEqual([attempt.text, counted], ['abcd', 3])
  })

  test('is whole, in order, when it flows elsewhere faster than its sink takes it', async () => {
    const stream = streamOf(...letters(8))
    const attempt = new Attempt(1)
    const body = new UploadBody(stream)
    body.attach(attempt)
    const copy = stream.pipe(new PassThrough())
    stream.resume()
    const other: Buffer[] = []
    copy.on('data', (octets: Buffer) => other.push(octets))
    await new Promise((resolve) => copy.once('end', resolve))
    assert.deepEqual([attempt.text, Buffer.concat(other).toString()], ['a', 'bcdefgh'])
    attempt.allow(Number.POSITIVE_INFINITY)
    body.resume(attempt)
    await attempt.whole
    assert.equal(attempt.text, 'abcdefgh')
  })
})
