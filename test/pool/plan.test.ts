import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MAX_PAUSED_CONNECTIONS, MAX_STUCK_CONNECTIONS, STUCK_AFTER } from '../../src/limits.ts'
import { plan, type Situation } from '../../src/pool/plan.ts'
import { fc } from '../support/property.ts'

const at = (situation: Partial<Situation>): ReturnType<typeof plan> =>
  plan({
    waiting: 0,
    connections: [],
    dialling: 0,
    protocol: undefined,
    limit: 1,
    yielding: false,
    still: 0,
    ...situation,
  })

const free = (available: number) => ({ available, active: 0, stale: false })
const busy = { available: 0, active: 3, stale: false }
const paused = { available: 0, active: 0, stale: false }
const stale = { available: 0, active: 0, stale: true }

describe('the plan', () => {
  test('the plan does nothing when no exchange waits', () => {
    assert.deepEqual(at({ connections: [free(3), stale] }), { starts: [], verify: [], open: 0 })
  })

  test('the plan begins one dial while the protocol is unknown, however many wait and whatever the limit', () => {
    assert.equal(at({ waiting: 1000, limit: 64 }).open, 1)
    assert.equal(at({ waiting: 1000, limit: 64, dialling: 1 }).open, 0)
  })

  test('the plan opens one more HTTP/2 connection at a time, within the limit', () => {
    const full = { waiting: 500, protocol: 'h2', connections: [free(0)] } as const
    assert.equal(at({ ...full, limit: 1 }).open, 0)
    assert.equal(at({ ...full, limit: 3 }).open, 1)
    assert.equal(at({ ...full, limit: 3, dialling: 1 }).open, 0)
  })

  test('the plan opens an HTTP/1.1 connection for each waiting request, within the limit', () => {
    assert.equal(at({ waiting: 5, protocol: 'http/1.1', limit: 64 }).open, 5)
    assert.equal(at({ waiting: 5, protocol: 'http/1.1', limit: 64, dialling: 3 }).open, 2)
    assert.equal(
      at({ waiting: 100, protocol: 'http/1.1', limit: 64, connections: [free(0), free(0)], dialling: 2 }).open,
      60,
    )
  })

  test('connections are filled in their order', () => {
    assert.deepEqual(at({ waiting: 5, connections: [free(0), free(3), free(10)], protocol: 'h2', limit: 3 }), {
      starts: [0, 3, 2],
      verify: [],
      open: 0,
    })
  })

  test('a connection over its limit (SETTINGS lowered it) gets nothing', () => {
    assert.deepEqual(at({ waiting: 1, connections: [free(-4)], protocol: 'h2' }).starts, [])
  })

  test('a stale connection is asked before another is dialled, and only for those whom the others do not take', () => {
    assert.deepEqual(at({ waiting: 1, connections: [stale], protocol: 'h2', limit: 5 }), {
      starts: [],
      verify: [0],
      open: 0,
    })
    assert.deepEqual(at({ waiting: 1, connections: [stale, free(1)], protocol: 'h2', limit: 5 }), {
      starts: [0, 1],
      verify: [],
      open: 0,
    })
  })

  test('when nothing moves and `connections` is not set, as many connections are added as are busy', () => {
    const stuck = { waiting: 500, protocol: 'h2', connections: [busy], yielding: true, still: STUCK_AFTER } as const
    assert.equal(at(stuck).open, 1)
    assert.equal(at({ ...stuck, still: STUCK_AFTER - 1 }).open, 0)
    assert.equal(at({ ...stuck, yielding: false }).open, 0)
    assert.equal(at({ ...stuck, dialling: 1 }).open, 0)
    assert.equal(at({ ...stuck, connections: [busy, busy, busy] }).open, 3)
    assert.equal(at({ ...stuck, connections: [busy, busy, busy], waiting: 2 }).open, 2)
    assert.equal(at({ ...stuck, protocol: 'http/1.1', limit: 4, connections: Array(4).fill(busy) }).open, 4)
  })

  test('the connections of what does not move have a limit, and those that take nothing a low one', () => {
    const stuck = { waiting: 500, protocol: 'h2', yielding: true, still: STUCK_AFTER } as const
    const many = (count: number, view: typeof busy) => at({ ...stuck, connections: Array(count).fill(view) }).open
    assert.equal(many(MAX_STUCK_CONNECTIONS - 3, busy), 3)
    assert.equal(many(MAX_STUCK_CONNECTIONS, busy), 0)
    assert.equal(many(MAX_PAUSED_CONNECTIONS - 1, paused), 1)
    assert.equal(many(MAX_PAUSED_CONNECTIONS, paused), 0)
  })

  test('never more is started than waits or fits, and never more is opened than allowed', () => {
    const view = fc.record({
      available: fc.integer({ min: -5, max: 20 }),
      active: fc.nat(3),
      stale: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.nat(100),
        fc.array(view, { maxLength: 6 }),
        fc.nat(5),
        fc.constantFrom(undefined, 'h2', 'http/1.1'),
        fc.integer({ min: 1, max: 10 }),
        fc.boolean(),
        fc.constantFrom(0, STUCK_AFTER - 1, STUCK_AFTER, 2 * STUCK_AFTER),
        (waiting, connections, dialling, protocol, limit, yielding, still) => {
          const { starts, verify, open } = plan({ waiting, connections, dialling, protocol, limit, yielding, still })
          const started = starts.reduce((sum, one) => sum + one, 0)
          assert.ok(started <= waiting)
          for (const [index, count] of starts.entries()) assert.ok(count <= Math.max(0, connections[index].available))
          const stuck = yielding && still >= STUCK_AFTER && dialling === 0
          const most = stuck ? Math.max(limit, MAX_STUCK_CONNECTIONS) : limit
          assert.ok(open >= 0 && (open === 0 || open + dialling + connections.length <= most))
          assert.ok(open + dialling <= Math.max(dialling, waiting))
          for (const index of verify) assert.ok(connections[index].stale)
          // Whoever can be started is started.
          const room = connections.reduce((sum, one) => sum + Math.max(0, one.available), 0)
          assert.equal(started, Math.min(waiting, room))
        },
      ),
    )
  })
})
