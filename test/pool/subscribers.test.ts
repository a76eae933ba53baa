/** Subscribers of the diagnostics channels that abort the exchange of which they are told. */
import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { type ExchangeHandler, Pool, type RequestMessage } from '../../src/index.ts'
import { send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'

/** Dispatches a GET whose exchange is aborted by the first message on a channel, and tells what its handler heard. */
async function abortedBy(name: string, pool: Pool, origin: string): Promise<string[]> {
  const heard: string[] = []
  const abort = (message: unknown): void => {
    heard.push(name)
    const { exchange } = message as RequestMessage
    exchange.abort(new Error('enough'))
  }
  const messages = channel(name)
  messages.subscribe(abort)
  try {
    await new Promise<void>((resolve) => {
      const handler: ExchangeHandler = {
        onHeaders: () => heard.push('onHeaders'),
        onData: () => heard.push('onData'),
        onEnd: () => heard.push('onEnd'),
        onError: (error) => {
          heard.push(`onError: ${error.message}`)
          resolve()
        },
      }
      pool.dispatch({ origin, method: 'GET', path: '/' }, handler)
    })
  } finally {
    messages.unsubscribe(abort)
  }
  return heard
}

test('an exchange that is aborted when its headers are published gives its handler the abort and nothing else', async () => {
  await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id, 'ok') })
  const pool = new Pool({ h2c: 'prior-knowledge' })
  const heard = await abortedBy('hyper:request:headers', pool, server.origin)
  // Nothing is left that could tell it more.
  await pool.close()
  assert.deepEqual(heard, ['hyper:request:headers', 'onError: enough'])
})

test('an exchange that is aborted when another attempt is announced makes no further attempt', async () => {
  await using server = await FrameServer.start({
    onRequest(connection, id) {
      if (connection.index === 0) connection.cut()
      else connection.respond(id, 'ok')
    },
  })
  const pool = new Pool({ h2c: 'prior-knowledge' })
  const heard = await abortedBy('hyper:request:retry', pool, server.origin)
  // The next one is alone on its connection.
  assert.equal((await send(pool, { origin: server.origin, path: '/' })).body.toString(), 'ok')
  await pool.close()
  assert.deepEqual(heard, ['hyper:request:retry', 'onError: enough'])
  const counts = server.connections.map(({ streams }) => streams.length)
  assert.deepEqual(counts, [1, 1])
})
