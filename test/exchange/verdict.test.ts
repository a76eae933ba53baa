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
import { type History, verdict } from '../../src/exchange/verdict.ts'
import { ErrorCode } from '../../src/frame/codes.ts'
import { MAX_LOST_REPLAYS, MAX_REPLAYS } from '../../src/limits.ts'

const fresh: History = {
  local: false,
  answered: false,
  replayable: true,
  idempotent: true,
  fellBack: false,
  failures: 0,
  losses: 0,
}
const refused = new StreamResetError(ErrorCode.REFUSED_STREAM, { remote: true, retryable: true })
const lost = new ConnectionLostError('lost')

describe('after an attempt has failed', () => {
  test('what is known to be unprocessed is sent again, whatever the method, and costs no budget', () => {
    const then = verdict(refused, { ...fresh, idempotent: false })
    assert.deepEqual(then, { kind: 'again', counts: true, costs: false, lost: false, quarantined: false })
    assert.equal(verdict(refused, { ...fresh, failures: MAX_REPLAYS }).kind, 'fail')
  })

  test('what a connection ended under is sent again when it may be processed twice, and costs budget', () => {
    const then = verdict(lost, fresh)
    assert.deepEqual(then, { kind: 'again', counts: true, costs: true, lost: true, quarantined: false })
    assert.equal(verdict(lost, { ...fresh, idempotent: false }).kind, 'fail')
  })

  test('the last time it is sent alone, and then no more', () => {
    const then = verdict(lost, { ...fresh, losses: MAX_LOST_REPLAYS - 1 })
    assert.ok(then.kind === 'again' && then.quarantined)
    assert.equal(verdict(lost, { ...fresh, losses: MAX_LOST_REPLAYS }).kind, 'fail')
  })

  test('a server that goes in peace after it took streams makes progress, however often', () => {
    const error = new GoawayError(ErrorCode.NO_ERROR, 5, { retryable: true })
    assert.deepEqual(verdict(error, { ...fresh, failures: 99, losses: 99 }), {
      kind: 'again',
      counts: false,
      costs: false,
      lost: false,
      quarantined: false,
    })
  })

  test('HTTP_1_1_REQUIRED sends it over HTTP/1.1, once', () => {
    const error = new StreamResetError(ErrorCode.HTTP_1_1_REQUIRED, { remote: true })
    assert.equal(verdict(error, fresh).kind, 'over HTTP/1.1')
    assert.equal(verdict(error, { ...fresh, fellBack: true }).kind, 'fail')
  })

  test('nothing is sent again of our own doing, after an answer has begun, or without a body to send', () => {
    for (const change of [{ local: true }, { answered: true }, { replayable: false }]) {
      assert.equal(verdict(refused, { ...fresh, ...change }).kind, 'fail')
    }
  })

  test('a connection that was ended for what was on another stream is one that was lost', () => {
    const error = new ProtocolError('broken', { bystander: true })
    assert.deepEqual(verdict(error, fresh), verdict(new ConnectionLostError('lost'), fresh))
    assert.equal(verdict(error, { ...fresh, idempotent: false }).kind, 'fail')
  })

  test('a connection that was never made, a deadline and a broken rule of a stream are final', () => {
    const errors = [
      new ConnectError('refused', { phase: 'tcp' }),
      new TimeoutError('headers', 1),
      new ProtocolError('broken'),
      new StreamResetError(ErrorCode.INTERNAL_ERROR, { remote: true }),
      new Error('any other'),
    ]
    for (const error of errors) assert.equal(verdict(error, fresh).kind, 'fail', error.message)
  })
})
