/** GOAWAY (RFC 9113 section 6.8) at every point of a burst of requests that may not be sent twice. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode, errorCodeName } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import type { FrameConnection } from '../support/frame-server.ts'
import { Ledger, leavesNothing, type Outcome, watchProcess } from '../support/hostile-ledger.ts'
import { HostileServer } from '../support/hostile-server.ts'

watchProcess()

const BURST = 40

/** The stream that was opened as the nth, from 1. */
const idOf = (nth: number): number => 2 * nth - 1

interface Burst {
  readonly outcomes: readonly Outcome[]
  readonly server: HostileServer
  /** How often each path was taken, by whichever connection. */
  readonly taken: ReadonlyMap<string, number>
}

/**
 * 40 POST requests at once. The first connection is the script's; those after it answer everything.
 * @param script called with each request of the first connection, and once with 0 when it is made.
 */
async function burst(
  script: (connection: FrameConnection, nth: number, take: (streamId: number) => void) => void,
  method = 'POST',
): Promise<Burst> {
  const taken = new Map<string, number>()
  const paths = new Map<string, string>()
  const take = (connection: FrameConnection, streamId: number): void => {
    const path = paths.get(`${connection.index}:${streamId}`) ?? ''
    taken.set(path, (taken.get(path) ?? 0) + 1)
  }
  await using server = await HostileServer.start({
    onConnection(connection) {
      // SETTINGS go first.
      if (connection.index === 0) queueMicrotask(() => script(connection, 0, (id) => take(connection, id)))
    },
    onRequest(connection, streamId, fields) {
      paths.set(`${connection.index}:${streamId}`, fields[fields.indexOf(':path') + 1])
      if (connection.index === 0) {
        script(connection, connection.streams.length, (id) => take(connection, id))
      } else {
        take(connection, streamId)
        connection.respond(streamId, 'later')
      }
    },
  })
  const pool = new Pool({ h2c: 'prior-knowledge' })
  const ledger = new Ledger()
  const body = method === 'POST' ? { body: 'x' } : {}
  const outcomes = await Promise.all(
    Array.from({ length: BURST }, (_, i) =>
      ledger.send(pool, { origin: server.origin, path: `/${i}`, method, ...body }),
    ),
  )
  const next = await ledger.send(pool, { origin: server.origin, path: '/next', method: 'POST', body: 'x' })
  assert.equal(next.code, 'ok', 'the next request')
  await leavesNothing(pool, server, ledger)
  return { outcomes, server, taken }
}

function assertAllTakenOnce({ outcomes, taken }: Burst): void {
  assert.deepEqual(
    outcomes.filter(({ code }) => code !== 'ok').map(({ code }) => code),
    [],
    'lost',
  )
  for (let i = 0; i < BURST; i++) assert.equal(taken.get(`/${i}`), 1, `/${i} was taken ${taken.get(`/${i}`)} times`)
}

/** The points at which the first connection goes, each with what it does for the streams that it takes. */
const POINTS: Readonly<Record<string, (connection: FrameConnection, ids: number[], goaway: () => void) => void>> = {
  'before any response': (connection, ids, goaway) => {
    goaway()
    for (const id of ids) connection.respond(id, 'first')
  },
  'between HEADERS and DATA': (connection, ids, goaway) => {
    for (const id of ids) connection.headers(id, [':status', '200'])
    goaway()
    for (const id of ids) connection.data(id, 'first', true)
  },
  'between the pieces of a body': (connection, ids, goaway) => {
    for (const id of ids) connection.headers(id, [':status', '200'])
    for (const id of ids) connection.data(id, 'fi')
    goaway()
    for (const id of ids) connection.data(id, 'rst', true)
  },
  'between body and trailers': (connection, ids, goaway) => {
    for (const id of ids) connection.headers(id, [':status', '200'])
    for (const id of ids) connection.data(id, 'first')
    goaway()
    for (const id of ids) connection.headers(id, ['x-sum', '1'], true)
  },
  'within a header block is too late, after it': (connection, ids, goaway) => {
    for (const id of ids) {
      const block = connection.block([':status', '200', 'x-long', 'y'.repeat(100)])
      connection.send(
        { type: 'HEADERS', streamId: id, endStream: false, endHeaders: false, block: block.subarray(0, 5) },
        { type: 'CONTINUATION', streamId: id, endHeaders: true, block: block.subarray(5) },
      )
    }
    goaway()
    for (const id of ids) connection.data(id, 'first', true)
  },
  'after all responses': (connection, ids, goaway) => {
    for (const id of ids) connection.respond(id, 'first')
    goaway()
  },
}

for (const [point, act] of Object.entries(POINTS)) {
  describe(`GOAWAY ${point}`, () => {
    for (const taken of [0, 1, 20, 39, 40]) {
      test(`with the last of ${taken} streams taken: each of ${BURST} is taken once`, async () => {
        const result = await burst((connection, nth, take) => {
          if (nth !== BURST) return
          const ids = Array.from({ length: taken }, (_, i) => idOf(i + 1))
          ids.forEach(take)
          act(connection, ids, () => connection.goaway(taken === 0 ? 0 : idOf(taken)))
        })
        assertAllTakenOnce(result)
        assert.equal(result.outcomes.filter(({ body }) => body === 'first').length, taken)
      })
    }
  })
}

describe('GOAWAY as the burst begins', () => {
  test('with the SETTINGS: nothing was taken, nothing is lost', async () => {
    assertAllTakenOnce(await burst((connection, nth) => nth === 0 && connection.goaway(0)))
  })

  test('with the SETTINGS and then the socket is cut', async () => {
    const result = await burst((connection, nth) => {
      if (nth !== 0) return
      connection.goaway(0)
      connection.socket.end()
    })
    assertAllTakenOnce(result)
  })

  for (const nth of [1, 10, 39]) {
    test(`at request ${nth}, which is taken with those before it, and those after it are not`, async () => {
      const result = await burst((connection, at, take) => {
        if (at === 0 || at > nth) return
        take(idOf(at))
        if (at === nth) connection.goaway(idOf(nth))
        connection.respond(idOf(at), 'first')
      })
      assertAllTakenOnce(result)
    })
  }

  test('in place of the SETTINGS breaks the protocol: every request ends, and the next connection works', async () => {
    await using server = await HostileServer.start({
      greet: false,
      onConnection(connection) {
        if (connection.index === 0) connection.goaway(0)
        else connection.settings([])
      },
      onRequest: (connection, streamId) => connection.respond(streamId, 'ok'),
    })
    const pool = new Pool({ h2c: 'prior-knowledge' })
    const ledger = new Ledger()
    const all = await Promise.all(
      Array.from({ length: BURST }, () => ledger.send(pool, { origin: server.origin, path: '/', method: 'POST' })),
    )
    assert.deepEqual([...new Set(all.map(({ code }) => code))], ['ERR_HYPER_PROTOCOL'])
    assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).code, 'ok')
    await leavesNothing(pool, server, ledger)
  })
})

describe('GOAWAY with an error', () => {
  const codes = [...Object.values(ErrorCode).filter((code) => code !== ErrorCode.HTTP_1_1_REQUIRED), 0xbad]
  for (const code of codes) {
    test(`${errorCodeName(code)}: what was taken and answered is kept, the rest goes elsewhere`, async () => {
      const result = await burst((connection, nth, take) => {
        if (nth !== BURST) return
        connection.goaway(idOf(10), code)
        for (let i = 1; i <= 10; i++) {
          take(idOf(i))
          connection.respond(idOf(i), 'first')
        }
        connection.socket.end()
      })
      assertAllTakenOnce(result)
    })
  }

  test('GOAWAY with an error and cut: POST requests that may have been taken end, exactly those', async () => {
    const { outcomes } = await burst((connection, nth) => {
      if (nth !== BURST) return
      connection.goaway(idOf(10), ErrorCode.INTERNAL_ERROR)
      connection.socket.end()
    })
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      Array.from({ length: BURST }, (_, i) => (i < 10 ? 'ERR_HYPER_GOAWAY' : 'ok')),
    )
  })

  test('GOAWAY with an error and cut: GET requests are all saved', async () => {
    const { outcomes } = await burst((connection, nth) => {
      if (nth !== BURST) return
      connection.goaway(idOf(10), ErrorCode.INTERNAL_ERROR)
      connection.socket.end()
    }, 'GET')
    assert.deepEqual([...new Set(outcomes.map(({ code }) => code))], ['ok'])
  })
})

describe('more than one GOAWAY', () => {
  test('the same GOAWAY sent twice changes nothing', async () => {
    const result = await burst((connection, nth, take) => {
      if (nth !== BURST) return
      connection.goaway(idOf(5))
      connection.goaway(idOf(5))
      for (let i = 1; i <= 5; i++) {
        take(idOf(i))
        connection.respond(idOf(i), 'first')
      }
    })
    assertAllTakenOnce(result)
  })

  test('GOAWAY after GOAWAY, each with a lower last stream, down to 0', async () => {
    const result = await burst((connection, nth) => {
      if (nth !== BURST) return
      for (let last = BURST; last > 0; last--) connection.goaway(idOf(last))
      connection.goaway(0)
    })
    assertAllTakenOnce(result)
  })

  test('a GOAWAY that raises the last stream breaks the protocol, and requests that were given up before are saved', async () => {
    const { outcomes } = await burst((connection, nth) => {
      if (nth !== BURST) return
      connection.goaway(idOf(10))
      connection.goaway(idOf(11))
    })
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      Array.from({ length: BURST }, (_, i) => (i < 10 ? 'ERR_HYPER_PROTOCOL' : 'ok')),
    )
  })

  test('a last stream that was never opened, or that is not ours, is as good as any', async () => {
    for (const last of [0x7fffffff, 1000, 2 * BURST]) {
      const result = await burst((connection, nth, take) => {
        if (nth !== BURST) return
        connection.goaway(last)
        for (let i = 1; i <= BURST; i++) {
          take(idOf(i))
          connection.respond(idOf(i), 'first')
        }
      })
      assertAllTakenOnce(result)
    }
  })

  test('after all is answered and the connection is closed by us, it is too late to matter', async () => {
    const result = await burst((connection, nth, take) => {
      if (nth !== BURST) return
      for (let i = 1; i <= BURST; i++) {
        take(idOf(i))
        connection.respond(idOf(i), 'first')
      }
      connection.goaway(0x7fffffff)
      connection.goaway(idOf(BURST), ErrorCode.ENHANCE_YOUR_CALM)
      connection.reset(1, ErrorCode.CANCEL)
    })
    assertAllTakenOnce(result)
  })
})
