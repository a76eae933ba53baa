import '../support/virtual-time.ts'

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GIVE_UP_FACTOR, LOADED_PING_TIMEOUT, RTT_INTERVAL, RTT_OCTETS, RTT_PATIENCE } from '../../src/limits.ts'
import { Liveness } from '../../src/session/liveness.ts'

const TIMEOUT = 2000

function begin(): { liveness: Liveness; sent: Buffer[]; answer: (at: number) => void } {
  const sent: Buffer[] = []
  let pongs = 0
  // Whatever is heard, but for answers to PING, is taken for a message.
  const messages = (): number => liveness.bytesRead - pongs
  const liveness: Liveness = new Liveness(TIMEOUT, 0, (payload) => sent.push(payload), messages, 0)
  return {
    liveness,
    sent,
    answer: (at) => {
      const payload = sent.shift()
      assert.ok(payload !== undefined)
      liveness.heard(17, at)
      pongs += 17
      liveness.pong(payload, at)
    },
  }
}

describe('whether the peer is there', () => {
  test('nothing is awaited before a vital PING', () => {
    const { liveness } = begin()
    assert.equal(liveness.deadline, Number.POSITIVE_INFINITY)
    liveness.ping(10, false)
    assert.equal(liveness.deadline, Number.POSITIVE_INFINITY)
  })

  test('a vital PING must be answered within the timeout', () => {
    const { liveness, answer } = begin()
    liveness.ping(100, true)
    assert.equal(liveness.doubtAt, 100 + TIMEOUT)
    answer(150)
    assert.equal(liveness.doubtAt, Number.POSITIVE_INFINITY)
  })

  test('any octet received restarts the wait', () => {
    const { liveness } = begin()
    liveness.ping(100, true)
    liveness.heard(1000, 900)
    assert.equal(liveness.doubtAt, 900 + TIMEOUT)
  })

  test('no time counts while the socket is full', () => {
    const { liveness } = begin()
    liveness.ping(100, true)
    liveness.setBlocked(true, 120)
    assert.equal(liveness.doubtAt, Number.POSITIVE_INFINITY)
    liveness.setBlocked(false, 5000)
    assert.equal(liveness.doubtAt, 5000 + TIMEOUT)
  })

  test('no time counts for a PING that waits for room in the socket', () => {
    const { liveness } = begin()
    liveness.setBlocked(true, 100)
    liveness.ping(110, true)
    assert.equal(liveness.doubtAt, Number.POSITIVE_INFINITY)
    liveness.setBlocked(false, 900)
    assert.equal(liveness.doubtAt, 900 + TIMEOUT)
  })

  test('the answer to a PING may be late when much data was sent before it', () => {
    const { liveness } = begin()
    liveness.bytesWritten += 1_000_000
    liveness.ping(100, true)
    assert.equal(liveness.doubtAt, 100 + LOADED_PING_TIMEOUT)
  })

  test('much later it counts as dead', () => {
    const { liveness } = begin()
    liveness.ping(100, true)
    assert.equal(liveness.deadline, 100 + TIMEOUT * GIVE_UP_FACTOR)
    assert.ok(TIMEOUT * GIVE_UP_FACTOR >= 15_000)
  })

  test('patience follows the round trip', () => {
    const { liveness } = begin()
    liveness.sample(2400)
    liveness.ping(100, true)
    assert.equal(liveness.doubtAt, 100 + 2400 * RTT_PATIENCE)
  })

  test('a peer of whom nothing came since the last PING but answers is not asked again', () => {
    const { liveness, sent, answer } = begin()
    liveness.probe(1)
    answer(2)
    liveness.probe(2000)
    assert.equal(sent.length, 0)
    liveness.heard(100, 3000)
    liveness.probe(4000)
    assert.equal(sent.length, 1)
  })

  test('silence is judged by the wall clock too, which goes on while a machine sleeps', (t) => {
    const { liveness } = begin()
    liveness.heard(1, 100)
    assert.ok(liveness.silence(200) < 1000)
    const { now } = Date
    t.mock.method(Date, 'now', () => now() + 3_600_000)
    assert.ok(liveness.silence(200) >= 3_600_000)
  })

  test('only one vital PING is awaited at a time', () => {
    const { liveness, sent } = begin()
    liveness.probe(1)
    liveness.probe(2)
    assert.equal(sent.length, 1)
  })
})

describe('the round trip', () => {
  test('the round trip is smoothed, and the shortest is kept', () => {
    const { liveness, answer } = begin()
    liveness.ping(0, false)
    answer(80)
    assert.equal(liveness.rtt, 80)
    liveness.ping(1000, false)
    answer(1040)
    assert.equal(liveness.rtt, 75)
    assert.equal(liveness.minRtt, 40)
  })

  test('the measured round trip is given to the caller of ping()', () => {
    const { liveness, answer } = begin()
    const told: (number | null)[] = []
    liveness.ping(0, true, (rtt) => told.push(rtt))
    answer(12)
    assert.deepEqual(told, [12])
  })

  test('an answer that we did not ask for is ignored', () => {
    const { liveness } = begin()
    liveness.ping(0, true)
    liveness.pong(Buffer.from('nonsense'), 10)
    assert.equal(liveness.rtt, 0)
    assert.equal(liveness.probing, true)
  })

  test('the round trip is measured again while much data arrives, but not too often', () => {
    const { liveness, sent, answer } = begin()
    liveness.heard(RTT_OCTETS, 10)
    liveness.measure(10)
    assert.equal(sent.length, 1)
    answer(20)
    liveness.heard(RTT_OCTETS, 30)
    liveness.measure(30)
    assert.equal(sent.length, 0)
    liveness.measure(20 + RTT_INTERVAL)
    assert.equal(sent.length, 1)
  })
})

describe('streams reset by us', () => {
  test('streams reset by us count until a PING sent after their reset is answered', () => {
    const { liveness, answer } = begin()
    liveness.heard(500, 1)
    liveness.countReset()
    liveness.countReset()
    liveness.confirmResets(2)
    assert.equal(liveness.unconfirmed, 2)
    liveness.countReset()
    answer(5)
    assert.equal(liveness.unconfirmed, 1)
  })

  test('streams reset by us stop counting when a peer that is there never answers the PING', () => {
    const { liveness } = begin()
    liveness.countReset()
    liveness.confirmResets(100)
    liveness.countReset()
    assert.equal(liveness.confirmDeadline, 100 + LOADED_PING_TIMEOUT)
    liveness.giveUpConfirming()
    assert.equal(liveness.unconfirmed, 1)
    assert.equal(liveness.confirmDeadline, Number.POSITIVE_INFINITY)
  })

  test('a peer of whom only answers were heard is not asked again: the slots are free at once', () => {
    const { liveness, sent, answer } = begin()
    liveness.heard(500, 1)
    liveness.countReset()
    liveness.confirmResets(2)
    answer(3)
    liveness.countReset()
    liveness.confirmResets(4)
    assert.equal(sent.length, 0)
    assert.equal(liveness.unconfirmed, 0)
  })
})
