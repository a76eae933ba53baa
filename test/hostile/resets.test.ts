/** RST_STREAM with every error code in every state of a stream (RFC 9113 sections 5.1, 5.4.2, 7 and 8.1). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode, errorCodeName } from '../../src/frame/index.ts'
import { Pool, StreamResetError } from '../../src/index.ts'
import type { FrameConnection } from '../support/frame-server.ts'
import {
  type Asked,
  Ledger,
  leavesNothing,
  type Outcome,
  watchProcess,
  withResolvers,
} from '../support/hostile-ledger.ts'
import { HostileServer } from '../support/hostile-server.ts'

watchProcess()

const CODES = [...Object.values(ErrorCode), 0xe, 0xffffffff]
const BODY = 'hello'

/** The states of a stream, by what was sent on it before the reset. */
const STATES: Readonly<Record<string, (connection: FrameConnection, streamId: number) => void>> = {
  'before headers': () => {},
  'after an informational response': (connection, id) => connection.headers(id, [':status', '103']),
  'after headers': (connection, id) => connection.headers(id, [':status', '200']),
  'after headers that announce a length': (connection, id) =>
    connection.headers(id, [':status', '200', 'content-length', '5']),
  'mid-body': (connection, id) => {
    connection.headers(id, [':status', '200'])
    connection.data(id, 'hel')
  },
  'mid-body, of a length announced': (connection, id) => {
    connection.headers(id, [':status', '200', 'content-length', '5'])
    connection.data(id, 'hel')
  },
  'after the whole body, in place of END_STREAM': (connection, id) => {
    connection.headers(id, [':status', '200', 'content-length', '5'])
    connection.data(id, BODY)
  },
  'after the end': (connection, id) => connection.respond(id, BODY),
}

/** What becomes of a request whose stream is reset with a code in a state. */
function expected(state: string, code: number): { code: string; body?: string } {
  const begun = !state.startsWith('before') && !state.includes('informational')
  if (state === 'after the end') return { code: 'ok', body: BODY }
  if (!begun && code === ErrorCode.REFUSED_STREAM) return { code: 'ok', body: 'again' }
  if (begun && code === ErrorCode.NO_ERROR) {
    if (state.startsWith('after the whole')) return { code: 'ok', body: BODY }
    if (state.includes('length')) return { code: 'ERR_HYPER_RESPONSE_CONTENT_LENGTH' }
  }
  // Of NO_ERROR in mid-body too: nobody said that it was all.
  return { code: 'ERR_HYPER_STREAM_RESET' }
}

async function reset(
  act: (connection: FrameConnection, streamId: number) => void,
  code: number,
  request: Omit<Asked, 'origin' | 'path'>,
): Promise<Outcome> {
  let again = false
  await using server = await HostileServer.start({
    onRequest(connection, streamId, fields) {
      if (fields.includes('/sibling')) return connection.respond(streamId, 'sibling')
      if (again) return connection.respond(streamId, 'again')
      again = true
      act(connection, streamId)
      connection.reset(streamId, code)
    },
  })
  const pool = new Pool({ h2c: 'prior-knowledge' })
  const ledger = new Ledger()
  const outcome = await ledger.send(pool, { origin: server.origin, path: '/', ...request })
  const sibling = await ledger.send(pool, { origin: server.origin, path: '/sibling', method: 'POST', body: 'x' })
  assert.equal(sibling.body, 'sibling')
  await leavesNothing(pool, server, ledger)
  assert.equal(server.connections.length, 1, 'HTTP/2 connections')
  return outcome
}

for (const [state, act] of Object.entries(STATES)) {
  describe(`RST_STREAM ${state}`, () => {
    for (const code of CODES) {
      // Leads to another protocol: `test/pool/loss.test.ts`.
      if (code === ErrorCode.HTTP_1_1_REQUIRED && state !== 'after the end') continue
      const want = expected(state, code)
      test(`${errorCodeName(code)}: ${want.code}${want.body === undefined ? '' : `, ${want.body}`}`, async () => {
        for (const request of [{ method: 'GET' }, { method: 'POST', body: 'x' }]) {
          const { error, ...outcome } = await reset(act, code, request)
          assert.equal(outcome.code, want.code, error?.message)
          if (want.body !== undefined) assert.equal(outcome.body, want.body)
          if (error instanceof StreamResetError) {
            assert.equal(error.http2ErrorCode, code)
            assert.equal(error.remote, true)
          }
        }
      })
    }
  })
}

describe('RST_STREAM while our upload is open', () => {
  /** A body that gives one piece and then waits for ever; `closed` resolves when it is given up. */
  function endless(): { body: AsyncIterable<string>; closed: Promise<void> } {
    const { promise: closed, resolve: close } = withResolvers<void>()
    const body = {
      [Symbol.asyncIterator]: () => {
        let given = false
        return {
          next(): Promise<IteratorResult<string>> {
            if (given) return new Promise(() => {})
            given = true
            return Promise.resolve({ done: false, value: 'piece' })
          },
          return(): Promise<IteratorResult<string>> {
            close()
            return Promise.resolve({ done: true, value: undefined })
          },
        }
      },
    }
    return { body, closed }
  }

  for (const code of CODES) {
    test(`${errorCodeName(code)} after a complete response is no error, and the body's source is closed`, async () => {
      const { body, closed } = endless()
      const outcome = await reset((connection, id) => connection.respond(id, BODY), code, { method: 'POST', body })
      assert.equal(outcome.code, 'ok', outcome.error?.message)
      assert.equal(outcome.body, BODY)
      await closed
    })

    if (code === ErrorCode.REFUSED_STREAM || code === ErrorCode.HTTP_1_1_REQUIRED) continue
    test(`${errorCodeName(code)} before a response ends it, and the body's source is closed`, async () => {
      const { body, closed } = endless()
      const outcome = await reset(() => {}, code, { method: 'POST', body })
      assert.equal(outcome.code, 'ERR_HYPER_STREAM_RESET')
      await closed
    })
  }
})

describe('RST_STREAM for a stream that carries no request of ours', () => {
  for (const code of [ErrorCode.NO_ERROR, ErrorCode.CANCEL, 0xffffffff]) {
    test(`${errorCodeName(code)} on a stream that was never opened ends the connection; an idle pool makes a new one`, async () => {
      await using server = await HostileServer.start({
        onRequest: (connection, streamId) => connection.respond(streamId, 'ok'),
      })
      const pool = new Pool({ h2c: 'prior-knowledge' })
      const ledger = new Ledger()
      assert.equal((await ledger.send(pool, { origin: server.origin, path: '/1' })).code, 'ok')
      server.connections[0].reset(99, code)
      await server.until(() => server.open === 0)
      assert.equal((await ledger.send(pool, { origin: server.origin, path: '/2', method: 'POST' })).code, 'ok')
      assert.equal(server.connections.length, 2)
      await leavesNothing(pool, server, ledger)
    })

    test(`${errorCodeName(code)} on a stream that we have reset is ignored`, async () => {
      const first = withResolvers<void>()
      await using server = await HostileServer.start({
        onRequest(connection, streamId, fields) {
          if (fields.includes('/aborted')) first.resolve()
          else connection.respond(streamId, 'ok')
        },
        onFrame(connection, frame) {
          if (frame.type !== 'RST_STREAM') return
          connection.headers(frame.streamId, [':status', '200'])
          connection.data(frame.streamId, 'late', true)
          connection.reset(frame.streamId, code)
          connection.reset(frame.streamId, code)
        },
      })
      const pool = new Pool({ h2c: 'prior-knowledge' })
      const ledger = new Ledger()
      const aborted = ledger.begin(pool, { origin: server.origin, path: '/aborted' })
      await first.promise
      aborted.exchange?.abort(new RangeError('enough'))
      assert.equal((await aborted.outcome).code, 'RangeError')
      for (let i = 0; i < 3; i++) {
        assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).code, 'ok')
      }
      assert.equal(server.connections.length, 1)
      await leavesNothing(pool, server, ledger)
    })
  }
})
