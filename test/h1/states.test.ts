import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  afterReceive,
  afterSend,
  type ReceiveEvent,
  type ReceiveState,
  type SendEvent,
  type SendState,
} from '../../src/h1/states.ts'

/** The tables as the comment at the head of the file has them: rows by the name in the corner. */
function drawn(corner: string): Map<string, Map<string, string>> {
  const source = readFileSync(new URL('../../src/h1/states.ts', import.meta.url), 'utf8')
  const lines = source.split('\n').map((text) => text.replace(/^ \* */, '').trim())
  const start = lines.findIndex((text) => text.startsWith(`${corner}  `) && text.includes('switch'))
  const [, ...events] = lines[start].split(/ +/)
  const rows = lines.slice(start + 1, lines.indexOf('', start))
  return new Map(
    rows.map((row) => {
      const [state, ...to] = row.split(/ +/)
      return [state, new Map(events.map((event, index) => [event, to[index] === '-' ? state : to[index]]))]
    }),
  )
}

test('the half that sends goes where its table, as it is drawn, says', () => {
  const table = drawn('sending')
  assert.equal(table.size, 5)
  for (const [state, row] of table) {
    for (const [event, to] of row)
      assert.equal(afterSend(state as SendState, event as SendEvent), to, `${state} ${event}`)
  }
})

test('the half that receives goes where its table, as it is drawn, says', () => {
  const table = drawn('receiving')
  assert.equal(table.size, 7)
  for (const [state, row] of table) {
    for (const [event, to] of row) {
      assert.equal(afterReceive(state as ReceiveState, event as ReceiveEvent), to, `${state} ${event}`)
    }
  }
})
