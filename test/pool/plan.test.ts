import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionsToOpen, type Situation } from '../../src/pool/plan.ts'

const open = (situation: Partial<Situation>): number =>
  connectionsToOpen({ waiting: 0, usable: 0, dialling: 0, protocol: undefined, limit: 10, ...situation })

test('nobody waits: nothing is opened', () => {
  assert.equal(open({ waiting: 0 }), 0)
})

test('while the protocol is not known, one dial is enough for all', () => {
  assert.equal(open({ waiting: 100 }), 1)
  assert.equal(open({ waiting: 100, dialling: 1 }), 0)
})

test('over HTTP/2 one connection is made at a time', () => {
  assert.equal(open({ waiting: 100, protocol: 'h2', usable: 1 }), 1)
  assert.equal(open({ waiting: 100, protocol: 'h2', usable: 1, dialling: 1 }), 0)
})

test('over HTTP/1.1 one for each that waits, up to the limit', () => {
  assert.equal(open({ waiting: 3, protocol: 'http/1.1', usable: 1 }), 3)
  assert.equal(open({ waiting: 3, protocol: 'http/1.1', usable: 1, dialling: 2 }), 1)
  assert.equal(open({ waiting: 100, protocol: 'http/1.1', usable: 4 }), 6)
  assert.equal(open({ waiting: 100, protocol: 'http/1.1', usable: 4, dialling: 6 }), 0)
})

test('the limit holds', () => {
  assert.equal(open({ waiting: 1, protocol: 'h2', usable: 1, limit: 1 }), 0)
})
