/** What has arrived and was not read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IncomingBody } from '../../src/client/incoming.ts'

test('pieces are given in the order in which they came, however many wait', async () => {
  const incoming = new IncomingBody()
  let given = 0
  let pushed = 0
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 20; i++) incoming.push(Buffer.from(String(pushed++)))
    for (let i = 0; i < 15; i++) assert.equal((await incoming.next())?.toString(), String(given++))
  }
  incoming.end([])
  while (given < pushed) assert.equal((await incoming.next())?.toString(), String(given++))
  assert.equal(await incoming.next(), null)
})

test('a quarter of a million pieces of one octet are read as fast as they come', async () => {
  const incoming = new IncomingBody()
  for (let i = 0; i < 250_000; i++) incoming.push(Buffer.from('a'))
  incoming.end([])
  let octets = 0
  for (let chunk = await incoming.next(); chunk !== null; chunk = await incoming.next()) octets += chunk.length
  assert.equal(octets, 250_000)
})
