import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  ConnectError,
  ConnectionLostError,
  GoawayError,
  ProtocolError,
  StreamResetError,
  TimeoutError,
} from '../../src/errors.ts'
import { FIRST_ATTEMPT, type Past, verdict } from '../../src/exchange/verdict.ts'
import { ErrorCode } from '../../src/frame/codes.ts'
import { MAX_LOST_REPLAYS, MAX_REPLAYS } from '../../src/limits.ts'

const fresh = { answered: false, replayable: true, idempotent: true }
const notIdempotent = { ...fresh, idempotent: false }
const after = (past: Partial<Past>): Past => ({ ...FIRST_ATTEMPT, ...past })
const refused = new StreamResetError(ErrorCode.REFUSED_STREAM, { remote: true, retryable: true })
const lost = new ConnectionLostError('lost')

describe('after an attempt has failed', () => {
  test('what is known to be unprocessed is sent again, whatever the method, and costs no budget', () => {
    const then = verdict(refused, notIdempotent, after({}))
    assert.deepEqual(then, {
      kind: 'again',
      past: after({ failures: 1 }),
      replay: 1,
      costs: false,
      quarantined: false,
    })
    assert.equal(verdict(refused, fresh, after({ failures: MAX_REPLAYS })).kind, 'fail')
  })

  test('what a connection ended under is sent again when it may be processed twice, and costs budget', () => {
    const then = verdict(lost, fresh, after({ failures: 1 }))
    assert.deepEqual(then, {
      kind: 'again',
      past: after({ failures: 2, losses: 1 }),
      replay: 2,
      costs: true,
      quarantined: false,
    })
    assert.equal(verdict(lost, notIdempotent, FIRST_ATTEMPT).kind, 'fail')
  })

  test('the last time it is sent alone, and then no more', () => {
    const then = verdict(lost, fresh, after({ losses: MAX_LOST_REPLAYS - 1 }))
    assert.ok(then.kind === 'again' && then.quarantined)
    assert.equal(verdict(lost, fresh, after({ losses: MAX_LOST_REPLAYS })).kind, 'fail')
  })

  test('a server that goes in peace after it took streams makes progress, however often', () => {
    const error = new GoawayError(ErrorCode.NO_ERROR, 5, { retryable: true })
    const past = after({ failures: 99, losses: 99 })
    assert.deepEqual(verdict(error, fresh, past), { kind: 'again', past, replay: 0, costs: false, quarantined: false })
  })

  test('HTTP_1_1_REQUIRED sends it over HTTP/1.1, once', () => {
    const error = new StreamResetError(ErrorCode.HTTP_1_1_REQUIRED, { remote: true })
    const past = after({ failures: 1 })
    assert.deepEqual(verdict(error, fresh, past), { kind: 'over HTTP/1.1', past: { ...past, fellBack: true } })
    assert.equal(verdict(error, fresh, after({ fellBack: true })).kind, 'fail')
  })

  test('nothing is sent again after an answer has begun, or without a body to send', () => {
    for (const change of [{ answered: true }, { replayable: false }]) {
      assert.equal(verdict(refused, { ...fresh, ...change }, FIRST_ATTEMPT).kind, 'fail')
    }
  })

  test('a connection that was ended for what was on another stream is one that was lost', () => {
    const error = new ProtocolError('broken', { bystander: true })
    assert.deepEqual(verdict(error, fresh, FIRST_ATTEMPT), verdict(lost, fresh, FIRST_ATTEMPT))
    assert.equal(verdict(error, notIdempotent, FIRST_ATTEMPT).kind, 'fail')
  })

  test('a connection that was never made, a deadline and a broken rule of a stream are final', () => {
    const errors = [
      new ConnectError('refused', { phase: 'tcp' }),
      new TimeoutError('headers', 1),
      new ProtocolError('broken'),
      new StreamResetError(ErrorCode.INTERNAL_ERROR, { remote: true }),
      new Error('any other'),
    ]
    for (const error of errors) assert.equal(verdict(error, fresh, FIRST_ATTEMPT).kind, 'fail', error.message)
  })
})
