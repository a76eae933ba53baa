import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { backoff, RetryBudget } from '../../src/exchange/retry.ts'
import { BACKOFF, MAX_BACKOFF, RETRY_BURST, RETRY_RATIO } from '../../src/limits.ts'

describe('backing off', () => {
  test('the first replay goes at once', () => {
    assert.equal(backoff(0, 1), 0)
    assert.equal(backoff(1, 1), 0)
  })

  test('each further one waits twice as long, give or take a half, up to a limit', () => {
    assert.equal(backoff(2, 0.5), BACKOFF)
    assert.equal(backoff(3, 0.5), 2 * BACKOFF)
    assert.equal(backoff(2, 0), BACKOFF / 2)
    assert.equal(backoff(2, 1), BACKOFF * 1.5)
    assert.equal(backoff(30, 0.5), MAX_BACKOFF)
  })
})

describe('the retry budget', () => {
  test('a burst is allowed, then only a part of what is sent for the first time', () => {
    const budget = new RetryBudget()
    for (let i = 0; i < RETRY_BURST; i++) assert.equal(budget.take(), true)
    assert.equal(budget.take(), false)
    for (let i = 0; i < 1 / RETRY_RATIO; i++) budget.earn()
    assert.equal(budget.take(), true)
    assert.equal(budget.take(), false)
  })

  test('what is not used does not add up beyond the burst', () => {
    const budget = new RetryBudget()
    for (let i = 0; i < 10_000; i++) budget.earn()
    let taken = 0
    while (budget.take()) taken++
    assert.equal(taken, RETRY_BURST)
  })
})
