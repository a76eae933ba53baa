/** What a status line of HTTP/1.x says is told as node:http tells it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import axios from 'axios'
import got from 'got'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { HTTPConnection, Pool } from '../../../src/index.ts'

type Told = readonly [version: string, major: number, minor: number, message: string]

const tellOf = (message: http.IncomingMessage): Told => [
  message.httpVersion,
  message.httpVersionMajor,
  message.httpVersionMinor,
  message.statusMessage ?? '',
]

/** By node:http, with this agent. */
async function byNode(url: string, agent: http.Agent): Promise<Told & { body?: string }> {
  const [message] = (await once(http.get(url, { agent }), 'response')) as [http.IncomingMessage]
  let body = ''
  for await (const chunk of message.setEncoding('utf8')) body += chunk
  assert.equal(body, 'x')
  return tellOf(message)
}

const HEADS = [
  'HTTP/1.0 200 OK\r\ncontent-length: 1',
  'HTTP/1.0 200 OK',
  'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1',
  'HTTP/1.1 200 \r\ncontent-length: 1',
  'HTTP/1.1 200\r\ncontent-length: 1',
  'HTTP/1.0 299 \r\ncontent-length: 1',
  'HTTP/1.1 200 Fine by me\r\ntransfer-encoding: chunked',
]

for (const head of HEADS) {
  test(`the version and the reason phrase of ${JSON.stringify(head)} are those of node:http in the messages of axios, got and the agent`, async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      const body = head.endsWith('chunked') ? '1\r\nx\r\n0\r\n\r\n' : 'x'
      socket.once('data', () => socket.end(`${head}\r\n\r\n${body}`))
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/`
    await using pool = new Pool()

    const told = await byNode(url, new http.Agent())
    assert.deepEqual(await byNode(url, createHyperAgent({ pool }).http), told)

    const response = await axios.get(url, { adapter: createHyperAdapter({ pool }), proxy: false })
    assert.deepEqual(tellOf(response.request.res), told)
    assert.equal(response.statusText, told[3])
    assert.equal(response.data, 'x')

    const plain = await got(url)
    const ours = await got.extend(hyperGot({ pool }))(url)
    assert.equal(ours.body, 'x')
    assert.deepEqual(tellOf(ours), tellOf(plain))

    await using connection = new HTTPConnection(url, { forceProtocol: 'http/1.1' })
    const { version, reason } = await connection.roundTrip('GET', '/')
    assert.deepEqual([version, reason], [`HTTP/${told[0]}`, told[3]])
  })
}
