import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { plan, type Situation } from '../../src/pool/plan.ts'
import { fc } from '../support/property.ts'

const at = (situation: Partial<Situation>): ReturnType<typeof plan> =>
  plan({ waiting: 0, connections: [], dialling: 0, protocol: undefined, limit: 1, ...situation })

const free = (available: number) => ({ available, stale: false })
const stale = { available: 0, stale: true }

describe('the plan', () => {
  test('nobody waits: nothing is done', () => {
    assert.deepEqual(at({ connections: [free(3), stale] }), { starts: [], verify: [], open: 0 })
  })

  test('one dial while the protocol is unknown, however many wait and whatever the limit', () => {
    assert.equal(at({ waiting: 1000, limit: 64 }).open, 1)
    assert.equal(at({ waiting: 1000, limit: 64, dialling: 1 }).open, 0)
  })

  test('over HTTP/2 one more connection at a time, within the limit', () => {
    const busy = { waiting: 500, protocol: 'h2', connections: [free(0)] } as const
    assert.equal(at({ ...busy, limit: 1 }).open, 0)
    assert.equal(at({ ...busy, limit: 3 }).open, 1)
    assert.equal(at({ ...busy, limit: 3, dialling: 1 }).open, 0)
  })

  test('over HTTP/1.1 a connection for each who waits, within the limit', () => {
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

  test('never more is started than waits or fits, and never more is opened than allowed', () => {
    const view = fc.record({ available: fc.integer({ min: -5, max: 20 }), stale: fc.boolean() })
    fc.assert(
      fc.property(
        fc.nat(100),
        fc.array(view, { maxLength: 6 }),
        fc.nat(5),
        fc.constantFrom(undefined, 'h2', 'http/1.1'),
        fc.integer({ min: 1, max: 10 }),
        (waiting, connections, dialling, protocol, limit) => {
          const { starts, verify, open } = plan({ waiting, connections, dialling, protocol, limit })
          const started = starts.reduce((sum, one) => sum + one, 0)
          assert.ok(started <= waiting)
          for (const [index, count] of starts.entries()) assert.ok(count <= Math.max(0, connections[index].available))
          assert.ok(open >= 0 && (open === 0 || open + dialling + connections.length <= limit))
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
