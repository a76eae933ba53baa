/** Connections that end at every octet of a short response: complete only if it was complete, and settled once. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { type Frame, serializeFrame } from '../../src/frame/index.ts'
import { Encoder } from '../../src/hpack/index.ts'
import { Pool, type PoolOptions } from '../../src/index.ts'
import { Ledger, leavesNothing, type Outcome, watchProcess } from '../support/hostile-ledger.ts'
import { HostileServer } from '../support/hostile-server.ts'

watchProcess()

const ENDS: Readonly<Record<string, (socket: Socket) => void>> = {
  'by FIN': (socket) => socket.end(),
  'by RST': (socket) => {
    // After what was written has gone out.
    setImmediate(() => socket.resetAndDestroy())
  },
}

/**
 * One request to a server whose first connection sends these octets in these pieces and then ends; later ones, all.
 * @param answerAfter what of the request must have come before the octets are sent.
 */
async function ask(
  pieces: readonly Buffer[],
  end: ((socket: Socket) => void) | undefined,
  options: PoolOptions,
  answerAfter: (received: Buffer) => boolean,
  method: string,
  whole: Buffer,
): Promise<{ outcome: Outcome; connections: number }> {
  await using server = await HostileServer.start({
    onSocket(socket, index) {
      let received = Buffer.alloc(0)
      const hear = (chunk: Buffer): void => {
        received = Buffer.concat([received, chunk])
        if (!answerAfter(received)) return
        socket.off('data', hear)
        socket.resume()
        if (index > 0) socket.write(whole)
        else write(socket, pieces, end)
      }
      socket.on('data', hear)
    },
  })
  const pool = new Pool(options)
  const ledger = new Ledger()
  const body = method === 'POST' ? { body: 'x' } : {}
  const outcome = await ledger.send(pool, { origin: server.origin, path: '/', method, ...body })
  await leavesNothing(pool, server, ledger)
  return { outcome, connections: server.sockets.length }
}

function write(socket: Socket, pieces: readonly Buffer[], end: ((socket: Socket) => void) | undefined): void {
  const [first, ...rest] = pieces
  socket.write(first, () => {
    if (rest.length > 0) setImmediate(write, socket, rest, end)
    else end?.(socket)
  })
}

/** Runs a few at a time. */
async function each(count: number, run: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await run(next++)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

function frames(...list: Frame[]): Buffer {
  return Buffer.concat(list.map((frame) => serializeFrame(frame)))
}

describe('HTTP/2', () => {
  const options: PoolOptions = { h2c: 'prior-knowledge' }
  const encoder = new Encoder()
  const settings = frames({ type: 'SETTINGS', streamId: 0, ack: false, settings: [[3, 100]] })
  const head = frames({
    type: 'HEADERS',
    streamId: 1,
    endStream: false,
    endHeaders: true,
    block: encoder.encode([':status', '200', 'x-a', 'b']),
  })
  const rest = frames(
    { type: 'DATA', streamId: 1, endStream: false, data: Buffer.from('hel') },
    { type: 'DATA', streamId: 1, endStream: false, padding: 3, data: Buffer.from('lo') },
    { type: 'HEADERS', streamId: 1, endStream: true, endHeaders: true, block: encoder.encode(['x-sum', '1']) },
  )
  const whole = Buffer.concat([settings, head, rest])
  /** The request's HEADERS came: preface, SETTINGS, WINDOW_UPDATE and more. */
  const asked = (received: Buffer): boolean =>
    received.includes(Buffer.from([0x04, 0, 0, 0, 1])) || received.includes(Buffer.from([0x05, 0, 0, 0, 1]))

  for (const [how, end] of Object.entries(ENDS)) {
    test(`POST, cut ${how} after every octet`, async () => {
      await each(whole.length, async (i) => {
        const octets = whole.subarray(0, i + 1)
        const { outcome, connections } = await ask([octets], end, options, asked, 'POST', whole)
        assert.equal(connections, 1, `${octets.length} octets`)
        // A reset may overtake what was sent before it.
        const complete = octets.length === whole.length
        const allowed = !complete
          ? ['ERR_HYPER_CONNECTION_LOST']
          : how === 'by FIN'
            ? ['ok']
            : ['ok', 'ERR_HYPER_CONNECTION_LOST']
        assert.ok(allowed.includes(outcome.code), `${octets.length} octets: ${outcome.code}`)
        if (outcome.code === 'ok') assert.deepEqual([outcome.body, outcome.trailers], ['hello', ['x-sum', '1']])
      })
    })
  }

  test('GET, cut after every octet: saved by another connection until its headers have come', async () => {
    await each(whole.length, async (i) => {
      const octets = whole.subarray(0, i + 1)
      const { outcome, connections } = await ask([octets], ENDS['by FIN'], options, asked, 'GET', whole)
      const headed = octets.length >= settings.length + head.length
      const complete = octets.length === whole.length
      assert.equal(outcome.code, headed && !complete ? 'ERR_HYPER_CONNECTION_LOST' : 'ok', `${octets.length} octets`)
      assert.equal(connections, headed ? 1 : 2, `${octets.length} octets`)
      if (outcome.code === 'ok') assert.deepEqual([outcome.body, outcome.trailers], ['hello', ['x-sum', '1']])
    })
  })

  test('HTTP/2 in two pieces, at every octet, and octet by octet: always complete', async () => {
    const octetwise = Array.from(whole, (octet) => Buffer.from([octet]))
    await each(whole.length, async (i) => {
      const pieces = i === 0 ? octetwise : [whole.subarray(0, i), whole.subarray(i)]
      const { outcome } = await ask(pieces, undefined, options, asked, 'POST', whole)
      assert.equal(outcome.code, 'ok', `cut at ${i}: ${outcome.error?.message}`)
      assert.deepEqual([outcome.body, outcome.trailers], ['hello', ['x-sum', '1']])
    })
  })
})

describe('HTTP/1.1', () => {
  const asked = (received: Buffer): boolean => received.includes('\r\n\r\n')
  const responses: Readonly<Record<string, { text: string; body: string }>> = {
    'content-length': { text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello', body: 'hello' },
    chunked: {
      text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n',

      body: 'hello',
    },
    'no body': { text: 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n', body: '' },
  }
  for (const [kind, { text, body }] of Object.entries(responses)) {
    const whole = Buffer.from(text)
    for (const [how, end] of Object.entries(ENDS)) {
      test(`${kind}: POST, cut ${how} after every octet`, async () => {
        await each(whole.length, async (i) => {
          const octets = whole.subarray(0, i + 1)
          const { outcome, connections } = await ask([octets], end, {}, asked, 'POST', whole)
          assert.equal(connections, 1)
          const complete = octets.length === whole.length
          if (complete && how === 'by FIN') assert.equal(outcome.code, 'ok')
          if (!complete) assert.match(outcome.code, /^ERR_HYPER_/, `${octets.length} octets: ${outcome.body}`)
          if (outcome.code === 'ok') assert.equal(outcome.body, body)
        })
      })
    }

    test(`${kind}: GET, cut after every octet before the end of its headers, is saved by another connection`, async () => {
      const end = text.indexOf('\r\n\r\n') + 3
      await each(end, async (i) => {
        const { outcome, connections } = await ask([whole.subarray(0, i + 1)], ENDS['by FIN'], {}, asked, 'GET', whole)
        assert.equal(outcome.code, 'ok', `${i + 1} octets: ${outcome.error?.message}`)
        assert.equal(connections, 2)
        assert.equal(outcome.body, body)
      })
    })

    test(`${kind}: in two pieces, at every octet, and octet by octet: always complete`, async () => {
      const octetwise = Array.from(whole, (octet) => Buffer.from([octet]))
      await each(whole.length, async (i) => {
        const pieces = i === 0 ? octetwise : [whole.subarray(0, i), whole.subarray(i)]
        const { outcome } = await ask(pieces, undefined, {}, asked, 'POST', whole)
        assert.equal(outcome.code, 'ok', `cut at ${i}: ${outcome.error?.message}`)
        assert.equal(outcome.body, body)
      })
    })
  }
})
