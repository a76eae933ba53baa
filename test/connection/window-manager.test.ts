/** A window manager of the caller's that throws: the exchange ends with an error of ours, and nothing else does. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { FlowControlManager, HTTPConnection, type WindowManagerFactory } from '../../src/index.ts'

const body = Buffer.alloc(100_000)
const server = http2.createServer((_request, response) => response.end(body))

before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => server.close())

function connect(windowManager: WindowManagerFactory): HTTPConnection {
  const { port } = server.address() as AddressInfo
  return new HTTPConnection(`127.0.0.1:${port}`, { forceProtocol: 'h2', windowManager })
}

/** Throws on the first window of this scope, in the constructor or when it is asked. */
function breaking(scope: 'connection' | 'stream', when: 'made' | 'asked'): WindowManagerFactory {
  let whole = true
  return (size, of) => {
    const manager = new FlowControlManager(size)
    if (of !== scope || !whole) return manager
    whole = false
    if (when === 'made') throw new Error('broken')
    return Object.assign(manager, {
      increaseWindowSize(): number {
        throw new Error('broken')
      },
    })
  }
}

const kinds: ['connection' | 'stream', 'made' | 'asked', string][] = [
  ['stream', 'asked', 'ERR_HYPER_STREAM_RESET'],
  ['stream', 'made', 'ERR_HYPER_INVALID_ARGUMENT'],
  ['connection', 'asked', 'ERR_HYPER_PROTOCOL'],
  ['connection', 'made', 'ERR_HYPER_CONNECT'],
]

for (const [scope, when, code] of kinds) {
  test(`a manager of a ${scope} that throws when it is ${when}: ${code}, and the next request is answered`, async () => {
    await using connection = connect(breaking(scope, when))
    const read = async () => (await (await connection.roundTrip('GET', '/')).bytes()).length
    await assert.rejects(read, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.stack)
      assert.match(error.message, /broken/)
      return true
    })
    assert.equal(await read(), body.length)
  })
}
