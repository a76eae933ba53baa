/** No option vanishes: docs/options.md says what becomes of each, and here it does. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { describe, test } from 'node:test'
import axios from 'axios'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { HyperRequestHandler, NOT_HERE } from '../../../adapters/aws.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { globalAgentOptions, isPlainAgent } from '../../../adapters/common/node-agents.ts'
import { HONOURED, NODE_FATES } from '../../../adapters/common/node-fates.ts'
import { connectOptions } from '../../../adapters/common/node-options.ts'
import { createFetch } from '../../../adapters/fetch.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { AGENT_FATES } from '../../../adapters/undici/options.ts'
import { HyperClient, HyperDispatcher, HyperPool, install } from '../../../adapters/undici.ts'
import { Pool } from '../../../src/index.ts'
import { optionsTable } from './options-table.ts'

/** As somebody writes them who has no types. */
const loose = (options: object): never => options as never

test('docs/options.md says what each option does', () => {
  const page = readFileSync(new URL('../../../docs/options.md', import.meta.url), 'utf8')
  const table = optionsTable()
  if (!page.includes(table)) console.log(table)
  assert.ok(page.includes(table), 'the table is not what the sources say: the new one is printed above')
})

describe('a misspelt option is refused by name, by', () => {
  const pool = new Pool()
  for (const [name, make] of Object.entries({
    createFetch,
    createHyperAdapter,
    createHyperAgent,
    hyperGot,
    HyperRequestHandler: (options: never) => new HyperRequestHandler(options),
    HyperDispatcher: (options: never) => new HyperDispatcher(options),
    HyperPool: (options: never) => new HyperPool('https://localhost', options),
    HyperClient: (options: never) => new HyperClient('https://localhost', options),
  })) {
    test(name, () => {
      assert.throws(() => make(loose({ headerTimeout: 1 })), /no option headerTimeout: did you mean headersTimeout\?/)
      assert.throws(() => make(loose({ pool, tls: {} })), /tls cannot be given together with pool/)
    })
  }
})

test('install() takes a dispatcher, and refuses the options of one', () => {
  assert.throws(() => install(loose({ connect: {} })), { code: 'UND_ERR_INVALID_ARG', message: /new HyperDispatcher/ })
})

test('undici’s connect and its Agent: what is refused is named, what is accepted is not', () => {
  for (const [name, fate] of Object.entries(NODE_FATES)) {
    const make = (): unknown => new HyperDispatcher({ connect: loose({ [name]: sample(name) }) })
    if (fate !== 'other' || name === 'host' || name === 'port' || name === 'typeOfService') make()
    else assert.throws(make, new RegExp(`connect\\.${name} is not supported`))
  }
  for (const [name, fate] of Object.entries(AGENT_FATES)) {
    if (fate === 'refused') assert.throws(() => new HyperDispatcher(loose({ [name]: 1 })), new RegExp(name))
    if (fate === 'no meaning') new HyperDispatcher(loose({ [name]: 1 }))
  }
  assert.throws(() => new HyperDispatcher({ h2Options: loose({ paddingStrategy: 1 }) }), /h2Options\.paddingStrategy/)
})

function sample(name: string): unknown {
  if (name === 'lookup') return () => {}
  if (name === 'timeout') return 5
  if (name === 'family') return 4
  return name === 'ALPNProtocols' ? ['h2'] : 'x'
}

test('an agent is plain when all of its options count or tune', () => {
  for (const [name, fate] of Object.entries(NODE_FATES)) {
    const agent = new http.Agent()
    Reflect.set(Object(Reflect.get(agent, 'options')), name, 'x')
    assert.equal(isPlainAgent(agent), fate !== 'other', name)
  }
  assert.equal(isPlainAgent(Object.assign(new https.Agent(), { createConnection() {} })), false)
})

test('options of the AWS SDK that mean nothing here are refused, with what is to be used instead', () => {
  for (const name of Object.keys(NOT_HERE)) {
    assert.throws(() => new HyperRequestHandler(loose({ [name]: {} })), new RegExp(`no option ${name}: `))
  }
  new HyperRequestHandler({ logger: console, requestTimeout: 5 })
})

describe('what is read of options', () => {
  test('are own properties, and values: equal ones give one object', () => {
    assert.equal(connectOptions(Object.create({ ca: 'x', socketPath: '/x' })), undefined)
    assert.equal(connectOptions({ ca: undefined, cert: null, family: 0 }), undefined)
    const first = connectOptions({ ca: ['a'], family: 4 })
    assert.deepEqual(first, { tls: Object.assign(Object.create(null), { ca: ['a'] }), family: 4 })
    assert.equal(connectOptions({ family: 4, ca: ['a'] }), first)
    assert.notEqual(connectOptions({ family: 4, ca: ['b'] }), first)
  })

  test('are replaced layer by layer, TLS by its units', () => {
    const connect = connectOptions({ pfx: 'p', passphrase: 'x', family: 4 }, undefined, { cert: 'c', key: 'k' })
    assert.deepEqual({ ...connect?.tls }, { cert: 'c', key: 'k' })
    assert.equal(connect?.family, 4)
  })

  test('are all the names that count', () => {
    for (const name of HONOURED) assert.notEqual(connectOptions({ [name]: sample(name) }), undefined, name)
  })

  test('ALPN says which protocols are offered', () => {
    for (const [list, expected] of [
      [['http/1.1'], { allowH2: false }],
      [['h2'], { allowH1: false }],
      [['h2', 'http/1.1', 'other'], {}],
      [Buffer.from('\x08http/1.1'), { allowH2: false }],
    ] as const) {
      assert.deepEqual(connectOptions({ ALPNProtocols: list }), expected)
    }
    assert.throws(() => connectOptions({ ALPNProtocols: ['spdy/3'] }), { code: 'ERR_HYPER_NOT_SUPPORTED' })
  })
})

test('what was set for the whole process in Node’s global agent is seen, and nothing when nothing was', async () => {
  assert.equal(globalAgentOptions('https:'), undefined)
  const { options } = https.globalAgent
  Reflect.set(options, 'ca', 'x')
  try {
    // It is looked at once a turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(globalAgentOptions('https:'), options)
  } finally {
    Reflect.deleteProperty(options, 'ca')
  }
})

test('axios: limits that are text limit', async () => {
  const adapter = createHyperAdapter({ idleTimeout: 1 })
  const server = http.createServer((_request, response) => response.end('0123456789')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const url = `http://127.0.0.1:${address.port}/`
  await assert.rejects(axios.get(url, { adapter, maxContentLength: loose('5' as never) }), { code: 'ERR_BAD_RESPONSE' })
  const big = { adapter, maxBodyLength: loose('5' as never) }
  await assert.rejects(axios.post(url, '0123456789', big), { code: 'ERR_BAD_REQUEST' })
  assert.equal((await axios.get(url, { adapter, maxContentLength: loose('x' as never) })).status, 200)
  await adapter.close()
  server.close()
})
