import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Waiter, WaitingLine } from '../../src/pool/waiting.ts'

interface Named extends Waiter {
  readonly name: string
}

const named = (name: string): Named => ({ name, before: null, after: null, inLine: false })

function drain(line: WaitingLine<Named>): string {
  let names = ''
  for (let next = line.shift(); next !== null; next = line.shift()) names += next.name
  return names
}

test('waiting exchanges start in the order in which they came', () => {
  const line = new WaitingLine<Named>()
  for (const name of 'abc') line.push(named(name))
  assert.equal(line.length, 3)
  assert.equal(drain(line), 'abc')
  assert.equal(line.length, 0)
  assert.equal(line.shift(), null)
})

test('an exchange may leave the queue from any place, and leaving twice changes nothing', () => {
  for (const gone of 'abc') {
    const line = new WaitingLine<Named>()
    const all = [...'abc'].map(named)
    for (const one of all) line.push(one)
    const one = all.find(({ name }) => name === gone)
    assert.ok(one)
    line.remove(one)
    line.remove(one)
    assert.equal(line.length, 2)
    assert.equal(drain(line), 'abc'.replace(gone, ''))
  }
})

test('exchanges that come back stand at the front of the queue, in their old order', () => {
  const line = new WaitingLine<Named>()
  line.push(named('x'))
  for (const name of 'abc') line.pushFront(named(name))
  line.push(named('y'))
  assert.equal(drain(line), 'abcxy')
  line.pushFront(named('d'))
  assert.equal(line.shift()?.name, 'd')
  line.push(named('z'))
  for (const name of 'ef') line.pushFront(named(name))
  assert.equal(drain(line), 'efz')
})
