/** A malformed HTTP/1.1 response has the code of node:http's parser in every shim. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { test } from 'node:test'
import axios from 'axios'
import got from 'got'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { HyperRequestHandler } from '../../../adapters/aws.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { createFetch } from '../../../adapters/fetch.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { HyperDispatcher } from '../../../adapters/undici.ts'

const ANSWERS: Readonly<Record<string, string>> = {
  HPE_INVALID_CONSTANT: 'FOO\r\n\r\n',
  HPE_INVALID_STATUS: 'HTTP/1.1 20 OK\r\n\r\n',
  HPE_INVALID_VERSION: 'HTTP/2.5 200 OK\r\n\r\n',
  HPE_CR_EXPECTED: 'HTTP/1.1 200 OK\nFoo: 1\n\n',
  HPE_LF_EXPECTED: 'HTTP/1.1 200 OK\r\nA: b\rX: c\r\n\r\n',
  HPE_INVALID_HEADER_TOKEN: 'HTTP/1.1 200 OK\r\nFo o: 1\r\n\r\n',
  HPE_INVALID_CONTENT_LENGTH: 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n',
  HPE_UNEXPECTED_CONTENT_LENGTH: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
  HPE_INVALID_TRANSFER_ENCODING: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
}

/** Malformed only once the head has come. */
const BODIES: Readonly<Record<string, string>> = {
  HPE_INVALID_CHUNK_SIZE: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n',
  HPE_STRICT: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabXX0\r\n\r\n',
}

/** The codes along the causes. */
function codes(error: unknown): unknown[] {
  return error instanceof Error ? [Reflect.get(error, 'code'), ...codes(error.cause)] : []
}

/** The text of the response, unless the request fails: which hears of what the parser does not understand. */
function read(request: http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (message) => readText(message).then(resolve, () => {}))
  })
}

test('a malformed HTTP/1.1 response, in its head or its body, has the code of the parser of node:http in every shim, and it is not sent again', async () => {
  let answer = ''
  let asked = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      asked++
      socket.end(answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/`
  const agents = createHyperAgent({})
  const dispatcher = new HyperDispatcher()
  const adapter = createHyperAdapter({ idleTimeout: 1000 })
  const fetch = createFetch({ idleTimeout: 1000 })
  const handler = new HyperRequestHandler({ idleTimeout: 1000 })
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    node: () => read(http.get(url)),
    agent: () => read(http.get(url, { agent: agents.http })),
    axios: () => axios.get(url, { adapter }),
    got: () => got(url, hyperGot({ idleTimeout: 1000 })).text(),
    fetch: async () => (await fetch(url)).text(),
    undici: async () => (await dispatcher.request({ origin: url.slice(0, -1), path: '/', method: 'GET' })).body.text(),
    aws: async () => {
      const target = { method: 'GET', protocol: 'http:', hostname: '127.0.0.1', port, path: '/', headers: {} }
      return readText((await handler.handle(target)).response.body)
    },
  }
  try {
    for (const [code, text] of Object.entries({ ...ANSWERS, ...BODIES })) {
      answer = text
      for (const [name, way] of Object.entries(ways)) {
        asked = 0
        const error: unknown = await way().then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        const found = codes(error)
        const first = name === 'fetch' ? found[1] : found[0]
        assert.equal(first, code, `${name}, ${JSON.stringify(text)}: ${found.join(' <- ')}`)
        assert.equal(asked, 1, `${name}, ${code}: sent once`)
      }
    }
  } finally {
    agents.http.destroy()
    await Promise.all([dispatcher.destroy(), adapter.close(), fetch.close()])
    server.close()
  }
})
