import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTlsContext, HTTPConnection, Pool, type PoolOptions } from '../src/index.ts'
import { nearestName } from '../src/option-names.ts'

/** As somebody writes them who has no types. */
function misspelt(options: object): PoolOptions {
  return options
}

test('the nearest name is the one that was meant, and none when nothing is near', () => {
  const names = ['headersTimeout', 'bodyTimeout', 'tls', 'proxy']
  for (const [given, meant] of [
    ['headerTimeout', 'headersTimeout'],
    ['HeadersTimeout', 'headersTimeout'],
    ['tsl', 'tls'],
    ['porxy', 'proxy'],
    ['agent', undefined],
    ['x', undefined],
  ] as const) {
    assert.equal(nearestName(given, names), meant)
  }
})

test('a misspelt option is refused by name, with the one that was probably meant', async () => {
  const refused = (make: () => unknown, message: RegExp): void => {
    assert.throws(make, { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
  }
  refused(() => new Pool(misspelt({ headerTimeout: 1 })), /no option headerTimeout: did you mean headersTimeout\?/)
  refused(() => new Pool(misspelt({ tsl: {} })), /no option tsl: did you mean tls\?/)
  refused(() => new Pool(misspelt({ tls: { cerificate: '' } })), /no option tls\.cerificate/)
  refused(() => new Pool(misspelt({ tls: { ALPNProtocols: ['h2'] } })), /ALPNProtocols: allowH1 and allowH2/)
  refused(() => new Pool(misspelt({ proxy: { url: 'http://p', header: {} } })), /no option proxy\.header: .*headers/)
  refused(() => new HTTPConnection('localhost', misspelt({ forceProtocl: 'h2' })), /did you mean forceProtocol/)
  refused(() => createTlsContext({ caPaht: '/' } as object), /did you mean caPath/)
  await using pool = new Pool(misspelt({ headerTimeout: undefined }))
  assert.equal(pool.closed, false)
})

test('a misspelt option of a request’s connection is told to its handler', async () => {
  await using pool = new Pool()
  const error = await new Promise<Error>((resolve) => {
    const handler = { onHeaders() {}, onData() {}, onEnd() {}, onError: resolve }
    const connect = misspelt({ sockerPath: '/x' })
    pool.dispatch({ origin: 'http://localhost', method: 'GET', path: '/', connect }, handler)
  })
  assert.match(error.message, /no option connect\.sockerPath: did you mean connect\.socketPath\?/)
})
