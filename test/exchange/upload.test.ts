/** A request body on its way: from whoever has it, to one attempt after another. */
import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { BodyChunk, Source } from '../../src/exchange/source.ts'
import { UploadBody, type UploadSink } from '../../src/exchange/upload.ts'

/** Takes what comes, as many pieces as it has room for. */
class Attempt implements UploadSink {
  readonly pieces: string[] = []
  outcome: 'under way' | 'whole' | Error = 'under way'
  room: number

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room
  }

  get text(): string {
    return this.pieces.join('')
  }

  onPiece(octets: Uint8Array): boolean {
    assert.equal(this.outcome, 'under way')
    this.pieces.push(Buffer.from(octets).toString())
    return --this.room > 0
  }

  onUploadEnd(): void {
    assert.equal(this.outcome, 'under way')
    this.outcome = 'whole'
  }

  onUploadFailed(error: Error): void {
    assert.equal(this.outcome, 'under way')
    this.outcome = error
  }
}

/** What a writer was told: `undefined` when it may go on. */
class Writer {
  readonly told: (Error | null | undefined)[] = []
  readonly taken = (error?: Error | null): void => {
    this.told.push(error)
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const mine = new Error('mine')

const closed = (stream: Readable): Promise<void> => new Promise((resolve) => stream.once('close', resolve))

async function* slowly(...chunks: BodyChunk[]): AsyncGenerator<BodyChunk> {
  for (const chunk of chunks) {
    await turn()
    yield chunk
  }
}

/** Each source that can fail or end early by itself. */
const sources: [string, (...chunks: string[]) => Source][] = [
  ['an array', (...chunks) => chunks],
  [
    'a generator',
    function* (...chunks) {
      yield* chunks
    },
  ],
  ['an asynchronous generator', slowly],
  [
    'an iterator that gives promises',
    // Not of the type, but taken from callers without types.
    (...chunks) => chunks.map((chunk) => Promise.resolve(chunk)) as unknown as string[],
  ],
  ['a stream of Node', (...chunks) => Readable.from(chunks.map(bytes), { objectMode: false })],
  ['a stream of Node in object mode', (...chunks) => Readable.from(chunks)],
  ['a web stream', (...chunks) => ReadableStream.from(chunks)],
]

describe('a source', () => {
  for (const [kind, make] of sources) {
    test(`that is ${kind} comes whole and in order`, async () => {
      const attempt = new Attempt()
      const body = new UploadBody(make('a', 'b', 'ü'))
      body.attach(attempt)
      while (attempt.outcome === 'under way') await turn()
      assert.deepEqual([attempt.text, attempt.outcome], ['abü', 'whole'])
      assert.equal(String(body.whole), 'abü')
      assert.equal(body.replayable, true)
    })

    test(`that is ${kind} is not read ahead of the attempt, and goes on when there is room`, async () => {
      const attempt = new Attempt(1)
      const body = new UploadBody(make('a', 'b', 'c'))
      body.attach(attempt)
      for (let i = 0; i < 5; i++) await turn()
      assert.deepEqual(attempt.pieces.length, 1)
      attempt.room = Number.POSITIVE_INFINITY
      body.resume(attempt)
      while (attempt.outcome === 'under way') await turn()
      assert.equal(attempt.text, 'abc')
    })

    test(`that is ${kind} is begun again for the next attempt, also when a read was under way`, async () => {
      const [first, second] = [new Attempt(), new Attempt()]
      const body = new UploadBody(make('a', 'b', 'c'))
      body.attach(first)
      body.detach(first)
      const had = first.text
      body.attach(second)
      while (second.outcome === 'under way') await turn()
      assert.deepEqual([first.text, second.text, second.outcome], [had, 'abc', 'whole'])
    })
  }

  test('that is empty ends at once', () => {
    const attempt = new Attempt()
    const body = new UploadBody([])
    body.attach(attempt)
    assert.deepEqual([attempt.outcome, body.whole?.length], ['whole', 0])
  })

  test('is not asked for anything before there is an attempt', async () => {
    let asked = 0
    new UploadBody({
      [Symbol.iterator]() {
        asked++
        return [][Symbol.iterator]()
      },
    })
    await turn()
    assert.equal(asked, 0)
  })

  test('fails its attempt, and the next one, after the pieces that came before', async () => {
    const body = new UploadBody(
      (async function* () {
        yield 'a'
        throw mine
      })(),
    )
    const [first, second] = [new Attempt(), new Attempt()]
    body.attach(first)
    while (first.outcome === 'under way') await turn()
    body.attach(second)
    assert.deepEqual([first.pieces, first.outcome], [['a'], mine])
    assert.deepEqual([second.pieces, second.outcome], [['a'], mine])
    assert.equal(body.error, mine)
    assert.equal(body.whole, null)
  })

  test('fails its attempt when it cannot even be begun', () => {
    const attempt = new Attempt()
    new UploadBody({
      [Symbol.iterator]() {
        throw mine
      },
    }).attach(attempt)
    assert.equal(attempt.outcome, mine)
  })

  test('fails its attempt with the promise that it gives', async () => {
    const attempt = new Attempt()
    new UploadBody([Promise.reject(mine)] as unknown as string[]).attach(attempt)
    await turn()
    assert.equal(attempt.outcome, mine)
  })

  test('fails its attempt with an Error, whatever it throws', () => {
    const attempt = new Attempt()
    const throwing = function* (): Generator<string> {
      yield* []
      throw 'no error'
    }
    new UploadBody(throwing()).attach(attempt)
    assert.ok(attempt.outcome instanceof Error)
    assert.equal(attempt.outcome.cause, 'no error')
  })

  test('a source that yields neither text nor bytes fails its attempt and is closed', async () => {
    const stream = new Readable({ objectMode: true, read() {} })
    stream.push({})
    let returned = false
    const generator = (function* () {
      try {
        yield 7 as unknown as string
      } finally {
        returned = true
      }
    })()
    for (const source of [stream, generator]) {
      const attempt = new Attempt()
      new UploadBody(source).attach(attempt)
      for (let i = 0; i < 3; i++) await turn()
      assert.ok(attempt.outcome instanceof Error)
      assert.match(attempt.outcome.message, /text and bytes/)
    }
    assert.deepEqual([stream.destroyed, returned], [true, true])
  })

  test('fails its attempt with what `onRead` throws, and is closed', async () => {
    const stream = new Readable({ read() {} })
    stream.push('too much')
    const attempt = new Attempt()
    const onRead = (octets: Uint8Array): void => {
      if (octets.length > 1) throw mine
    }
    new UploadBody(stream, { onRead }).attach(attempt)
    await turn()
    assert.deepEqual([attempt.outcome, attempt.pieces, stream.destroyed], [mine, [], true])
  })

  test('that is a stream of Node fails its attempt when it is destroyed, with its error or because it is not whole', async () => {
    for (const error of [mine, undefined]) {
      const stream = new PassThrough()
      stream.write('a')
      const attempt = new Attempt()
      new UploadBody(stream).attach(attempt)
      await turn()
      stream.destroy(error)
      await closed(stream)
      await turn()
      assert.deepEqual(attempt.pieces, ['a'])
      if (error !== undefined) assert.equal(attempt.outcome, error)
      else assert.equal(Reflect.get(Object(attempt.outcome), 'code'), 'ERR_STREAM_PREMATURE_CLOSE')
    }
  })

  test('that is a stream of Node may fail before anybody reads it: its attempt is told, and the process goes on', async () => {
    const stream = new PassThrough()
    const body = new UploadBody(stream)
    stream.destroy(mine)
    await closed(stream)
    const attempt = new Attempt()
    body.attach(attempt)
    await turn()
    assert.equal(attempt.outcome, mine)
  })

  test('that is a web stream which somebody else reads fails its attempt', async () => {
    const stream = ReadableStream.from(['a'])
    stream.getReader()
    const attempt = new Attempt()
    const body = new UploadBody(stream)
    body.attach(attempt)
    await turn()
    assert.equal(Reflect.get(Object(attempt.outcome), 'code'), 'ERR_INVALID_STATE')
    body.close()
  })
})

describe('another attempt', () => {
  test('has the piece that was read after the one before had ended', async () => {
    const given = Promise.withResolvers<IteratorResult<string>>()
    let calls = 0
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => (calls++ === 0 ? given.promise : Promise.resolve({ value: undefined, done: true })),
      }),
    }
    const [first, second] = [new Attempt(), new Attempt()]
    const body = new UploadBody(source)
    body.attach(first)
    body.detach(first)
    given.resolve({ value: 'a', done: false })
    await turn()
    assert.deepEqual([first.pieces, calls], [[], 1])
    body.attach(second)
    await turn()
    assert.deepEqual([second.pieces, second.outcome, calls], [['a'], 'whole', 2])
  })

  test('takes the place of one that is still there, which gets no more and cannot resume', async () => {
    const body = new UploadBody(null)
    const [first, second] = [new Attempt(1), new Attempt()]
    body.attach(first)
    body.push(bytes('a'))
    body.push(bytes('b'))
    body.attach(second)
    first.room = 9
    body.resume(first)
    body.detach(first)
    body.end()
    assert.deepEqual([first.pieces, first.outcome], [['a'], 'under way'])
    assert.deepEqual([second.pieces, second.outcome], [['a', 'b'], 'whole'])
  })

  test('cannot be had once more was read than is kept', () => {
    const [first, second] = [new Attempt(1), new Attempt()]
    const body = new UploadBody(['aa', 'bb', 'cc'], { limit: 3 })
    body.attach(first)
    assert.equal(body.replayable, true)
    first.room = 1
    body.resume(first)
    assert.equal(body.replayable, false)
    // What the attempt under way has taken is let go, and it alone has the rest.
    first.room = 9
    body.resume(first)
    assert.deepEqual([first.text, first.outcome], ['aabbcc', 'whole'])
    assert.equal(body.whole, null)
    body.attach(second)
    assert.ok(second.outcome instanceof Error)
    assert.match(second.outcome.message, /no longer buffered/)
  })

  test('another attempt is possible for a body that keeps no copy, while nothing of it was sent', () => {
    const body = new UploadBody(null, { limit: 0 })
    const [first, second] = [new Attempt(0), new Attempt()]
    assert.equal(body.replayable, true)
    body.attach(first)
    body.detach(first)
    body.push(bytes('a'))
    assert.equal(body.replayable, true)
    body.attach(second)
    assert.deepEqual([second.pieces, body.replayable], [['a'], false])
  })
})

describe('a body that is closed', () => {
  test('lets go of its source: a generator, a stream of Node, a web stream, whether begun or not', async () => {
    for (const begun of [true, false]) {
      let returned = false
      const generator = (async function* () {
        try {
          yield 'a'
          yield 'b'
        } finally {
          returned = true
        }
      })()
      const stream = new Readable({ read() {} })
      let cancelled: unknown
      const web = new ReadableStream<string>({
        cancel(reason) {
          cancelled = reason
        },
      })
      for (const source of [generator, stream, web]) {
        const body = new UploadBody(source)
        const attempt = new Attempt(1)
        if (begun) body.attach(attempt)
        await turn()
        body.close(mine)
        await turn()
        assert.equal(body.closed, true)
        assert.equal(attempt.outcome, 'under way')
      }
      // A generator that was not begun has nothing to let go of.
      assert.deepEqual([returned, stream.errored, cancelled], [begun, mine, mine])
    }
  })

  test('because its exchange ended well lets go of its source without an error', async () => {
    const stream = new Readable({ read() {} })
    let cancelled: unknown = 'not yet'
    const web = new ReadableStream<string>({
      cancel(reason) {
        cancelled = reason
      },
    })
    for (const source of [stream, web]) new UploadBody(source).release(null)
    await turn()
    assert.deepEqual([stream.destroyed, stream.errored, cancelled], [true, null, undefined])
  })

  test('a closed body drops the result of a read that was under way', async () => {
    const attempt = new Attempt()
    for (const source of [slowly('a', 'b'), ReadableStream.from(slowly('a')), Readable.from(slowly('a'))]) {
      const body = new UploadBody(source)
      body.attach(attempt)
      body.close(mine)
      for (let i = 0; i < 4; i++) await turn()
    }
    assert.deepEqual([attempt.pieces, attempt.outcome], [[], 'under way'])
  })

  test('a closed body ignores the failure of a read that was under way', async () => {
    const attempt = new Attempt()
    const given = Promise.withResolvers<IteratorResult<string>>()
    const body = new UploadBody({ [Symbol.asyncIterator]: () => ({ next: () => given.promise }) })
    body.attach(attempt)
    body.close()
    given.reject(mine)
    await turn()
    assert.equal(attempt.outcome, 'under way')
  })

  test('by its own attempt, from within a piece, gives no more', () => {
    let body: UploadBody | undefined
    const pieces: string[] = []
    const sink = {
      onPiece: (octets: Uint8Array) => {
        pieces.push(String(octets))
        body?.close(mine)
        return true
      },
      onUploadEnd: assert.fail,
      onUploadFailed: assert.fail,
    }
    body = new UploadBody(['a', 'b'])
    body.attach(sink)
    assert.equal(pieces.length, 1)
  })

  test('is closed by a generator that closes it while it runs', () => {
    let body: UploadBody | undefined
    const attempt = new Attempt()
    const source = (function* () {
      yield 'a'
      body?.close(mine)
      yield 'b'
    })()
    body = new UploadBody(source)
    body.attach(attempt)
    assert.deepEqual([attempt.pieces, attempt.outcome, body.closed], [['a'], 'under way', true])
  })

  test('fails an attempt that comes later, with what it was closed for if that was a failure', () => {
    for (const [error, expected] of [
      [mine, /mine/],
      [null, /no longer buffered/],
    ] as const) {
      const body = new UploadBody(['a'])
      body.close(error, error)
      body.close(new Error('again'))
      const attempt = new Attempt()
      body.attach(attempt)
      assert.match(String(attempt.outcome), expected)
      assert.deepEqual([body.replayable, body.error], [false, error])
    }
  })

  test('by an exchange that is over is closed; one that is owned is not, and the next exchange has it whole', async () => {
    for (const owned of [false, true]) {
      const stream = Readable.from(['a', 'b'])
      const body = new UploadBody(stream, { owned })
      const [first, second] = [new Attempt(1), new Attempt()]
      body.attach(first)
      await turn()
      body.detach(first)
      body.release(mine)
      await turn()
      assert.deepEqual([body.closed, stream.errored], owned ? [false, null] : [true, mine])
      body.attach(second)
      for (let i = 0; i < 4; i++) await turn()
      assert.deepEqual([second.text, second.outcome], owned ? ['ab', 'whole'] : ['', mine])
    }
  })
})

describe('a writer', () => {
  test('is told when its piece was taken and the attempt asks for the next one', () => {
    const body = new UploadBody(null)
    const writer = new Writer()
    const attempt = new Attempt(1)
    assert.equal(body.push(bytes('a'), writer.taken), false)
    assert.deepEqual(writer.told, [])
    body.attach(attempt)
    assert.deepEqual([attempt.pieces, writer.told], [['a'], []])
    attempt.room = 9
    body.resume(attempt)
    assert.deepEqual(writer.told, [undefined])
    assert.equal(body.push(bytes('b'), writer.taken), true)
    assert.deepEqual([attempt.text, writer.told.length], ['ab', 2])
    body.end(writer.taken)
    assert.deepEqual([attempt.outcome, writer.told.length], ['whole', 3])
  })

  test('is told of each piece once, however often it is sent', () => {
    const body = new UploadBody(null)
    const writer = new Writer()
    const [first, second] = [new Attempt(), new Attempt()]
    body.attach(first)
    body.push(bytes('a'), writer.taken)
    body.detach(first)
    body.attach(second)
    body.end()
    assert.deepEqual([first.text, second.text, second.outcome], ['a', 'a', 'whole'])
    assert.deepEqual(writer.told, [undefined])
  })

  test('a writer that writes within its own callback keeps the order', () => {
    const body = new UploadBody(null)
    const attempt = new Attempt()
    const left = ['b', 'c']
    const next = (): void => {
      const text = left.shift()
      if (text === undefined) body.end()
      else body.push(bytes(text), next)
    }
    body.attach(attempt)
    body.push(bytes('a'), next)
    assert.deepEqual([attempt.text, attempt.outcome], ['abc', 'whole'])
  })

  test('a writer that gives up fails its attempt, and its pending callbacks get the error', () => {
    const body = new UploadBody(null)
    const writer = new Writer()
    const attempt = new Attempt(1)
    const over: unknown[] = []
    body.onOver = (error) => over.push(error)
    body.attach(attempt)
    body.push(bytes('a'), writer.taken)
    body.push(bytes('b'), writer.taken)
    body.end(writer.taken)
    body.fail(mine)
    body.fail(new Error('again'))
    assert.deepEqual(writer.told, [mine, mine, mine])
    assert.deepEqual(over, [mine])
    attempt.room = 9
    body.resume(attempt)
    assert.equal(attempt.outcome, mine)
  })

  test('is let go without an error when nobody wants the rest, and what it writes later is dropped', () => {
    const body = new UploadBody(null)
    const writer = new Writer()
    const over: unknown[] = []
    body.onOver = (error) => over.push(error)
    body.push(bytes('a'), writer.taken)
    body.end(writer.taken)
    body.release(null)
    assert.equal(body.push(bytes('b'), writer.taken), true)
    body.end(writer.taken)
    body.fail(mine)
    assert.deepEqual(writer.told, [null, null, null, null])
    assert.deepEqual([over, body.error], [[null], null])
  })

  test('hears the error of the exchange, now and with all that it writes later', () => {
    const body = new UploadBody(null)
    const writer = new Writer()
    body.push(bytes('a'), writer.taken)
    body.release(mine)
    body.push(bytes('b'), writer.taken)
    body.end(writer.taken)
    assert.deepEqual(writer.told, [mine, mine, mine])
    assert.equal(body.error, mine)
  })

  test('may end before there is an attempt', () => {
    const body = new UploadBody(null)
    const attempt = new Attempt()
    body.push(bytes('a'))
    body.end()
    assert.equal(String(body.whole), 'a')
    body.attach(attempt)
    assert.deepEqual([attempt.text, attempt.outcome], ['a', 'whole'])
  })

  test('of a source that is read may still give it up: the source is closed', () => {
    const stream = new Readable({ read() {} })
    const attempt = new Attempt()
    const body = new UploadBody(stream)
    body.attach(attempt)
    body.fail(mine)
    assert.deepEqual([attempt.outcome, stream.errored], [mine, mine])
  })
})

describe('a body that is not read until it is opened', () => {
  test('is not read before it is opened, and says once that an attempt waits', async () => {
    let awaited = 0
    const whenAwaited = (): void => {
      awaited++
    }
    const stream = Readable.from(['a', 'b'])
    const body = new UploadBody(stream, { whenAwaited })
    const [first, second] = [new Attempt(), new Attempt()]
    assert.equal(awaited, 0)
    body.attach(first)
    body.attach(second)
    for (let i = 0; i < 3; i++) await turn()
    assert.deepEqual([awaited, second.pieces, stream.readableDidRead], [1, [], false])
    body.open()
    for (let i = 0; i < 3; i++) await turn()
    assert.deepEqual([first.pieces, second.text, second.outcome], [[], 'ab', 'whole'])
  })

  test('says nothing of waiting when it was opened before', () => {
    const attempt = new Attempt()
    const body = new UploadBody(['a'], { whenAwaited: assert.fail })
    body.open()
    body.attach(attempt)
    assert.equal(attempt.text, 'a')
  })

  test('and is given up fails its attempt without a piece', () => {
    const attempt = new Attempt()
    const body = new UploadBody(null, { whenAwaited: () => {} })
    body.attach(attempt)
    body.push(bytes('a'))
    assert.deepEqual(attempt.pieces, [])
    body.fail(mine)
    assert.deepEqual([attempt.pieces, attempt.outcome], [[], mine])
  })
})

test('`onTaken` hears of each piece when it was taken, once, however often it is sent', () => {
  const heard: string[] = []
  const body = new UploadBody(['a', 'b', 'c'], { onTaken: (octets) => heard.push(String(octets)) })
  const [first, second] = [new Attempt(2), new Attempt(1)]
  body.attach(first)
  assert.deepEqual([first.text, heard], ['ab', ['a']])
  body.detach(first)
  body.attach(second)
  second.room = 9
  body.resume(second)
  assert.deepEqual([second.text, second.outcome, heard], ['abc', 'whole', ['a', 'b', 'c']])
})

test('a body that `onTaken` closes gives neither another piece nor an outcome', () => {
  const body = new UploadBody(['a', 'b'], { onTaken: () => body.close(mine) })
  const attempt = new Attempt()
  body.attach(attempt)
  assert.deepEqual([attempt.pieces, attempt.outcome], [['a'], 'under way'])
})
