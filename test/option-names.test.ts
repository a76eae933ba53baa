import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createDecoder, decodeSmall } from '../src/content/index.ts'
import { H1ClientConnection, type H1ClientListener } from '../src/h1/index.ts'
import { type ConnectionListener, H2Connection } from '../src/h2/index.ts'
import { Decoder } from '../src/hpack/index.ts'
import { createTlsContext, HTTPConnection, Pool } from '../src/index.ts'
import { nearestName } from '../src/option-names.ts'
import { PriorityTree } from '../src/priority/index.ts'

const ignore = (): void => {}
const h1Listener: H1ClientListener = {
  ...{ onInformational: ignore, onHeaders: ignore, onData: ignore },
  ...{ onEnd: ignore, onUpgraded: ignore, onFailed: ignore },
}
const h2Listener: ConnectionListener = {
  ...{ onOutput: ignore, onSettings: ignore, onPong: ignore },
  ...{ onGoaway: ignore, onStreamClosed: ignore, onFailed: ignore },
}

/** As somebody writes them who has no types. */
function misspelt(options: object): object {
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

test('each codec refuses a misspelt option by name, with the one that was probably meant', () => {
  const refused = (make: () => unknown, message: RegExp): void => {
    assert.throws(make, { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
  }
  refused(() => new Decoder(misspelt({ maxListsize: 1 })), /no option maxListsize: did you mean maxListSize\?/)
  refused(() => new H1ClientConnection(h1Listener, misspelt({ maxHeadersSize: 1 })), /did you mean maxHeaderSize\?/)
  refused(() => new H2Connection(h2Listener, misspelt({ streamWindows: 1 })), /did you mean streamWindow\?/)
  refused(() => new PriorityTree(misspelt({ maximumStream: 1 })), /did you mean maximumStreams\?/)
  refused(() => createDecoder('gzip', misspelt({ maxOutputs: 1 })), /did you mean maxOutput\?/)
  refused(() => decodeSmall(['gzip'], gzipSync('x'), misspelt({ tolerent: true })), /did you mean tolerant\?/)
})

test('each codec refuses a value that an option cannot have, and says what it may be', () => {
  const refused = (make: () => unknown, message: RegExp): void => {
    assert.throws(make, { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
  }
  refused(
    () => new H1ClientConnection(h1Listener, { maxHeaderSize: Number.NaN }),
    /maxHeaderSize must be a whole number/,
  )
  refused(() => new H2Connection(h2Listener, { connectionWindow: 1000 }), /connectionWindow must be .* from 65535/)
  refused(() => new H2Connection(h2Listener, misspelt({ role: 'sever' })), /role must be one of "client", "server"/)
  refused(() => createDecoder('gzip', { maxOutput: Number.NaN }), /maxOutput must be a number, 0 or more/)
  refused(() => createDecoder('gzip', misspelt({ tolerant: 'yes' })), /tolerant must be one of true, false, "end"/)
})

test('the handler of a request with a misspelt connection option gets the error', async () => {
  await using pool = new Pool()
  const error = await new Promise<Error>((resolve) => {
    const handler = { onHeaders() {}, onData() {}, onEnd() {}, onError: resolve }
    const connect = misspelt({ sockerPath: '/x' })
    pool.dispatch({ origin: 'http://localhost', method: 'GET', path: '/', connect }, handler)
  })
  assert.match(error.message, /no option connect\.sockerPath: did you mean connect\.socketPath\?/)
})
