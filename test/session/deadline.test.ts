import '../support/virtual-time.ts'

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeadlineTimer, now } from '../../src/session/deadline.ts'

test('the holder is asked when the earliest deadline may have passed, and again for what it answers', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const asked: number[] = []
  const answers = [now() + 50, Number.POSITIVE_INFINITY]
  const timer = new DeadlineTimer((at) => {
    asked.push(at)
    return answers.shift() ?? Number.POSITIVE_INFINITY
  })
  timer.request(now() + 1000)
  timer.request(now() + 20)
  timer.request(now() + 500)
  context.mock.timers.tick(10)
  assert.equal(asked.length, 0)
  context.mock.timers.tick(20)
  assert.equal(asked.length, 1)
  context.mock.timers.tick(60)
  assert.equal(asked.length, 2)
  context.mock.timers.tick(5000)
  assert.equal(asked.length, 2)
})

test('a stopped timer makes no call, until a deadline is requested again', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let asked = 0
  const timer = new DeadlineTimer(() => {
    asked++
    return Number.POSITIVE_INFINITY
  })
  timer.request(now() + 10)
  timer.stop()
  context.mock.timers.tick(100)
  assert.equal(asked, 0)
  timer.request(now() + 10)
  context.mock.timers.tick(100)
  assert.equal(asked, 1)
})

test('a deadline beyond what a timer can count is asked for early rather than at once', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let asked = 0
  const timer = new DeadlineTimer(() => {
    asked++
    return Number.POSITIVE_INFINITY
  })
  timer.request(now() + 1e12)
  context.mock.timers.tick(1_000_000)
  assert.equal(asked, 0)
})
