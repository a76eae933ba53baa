/** Programs that know nothing of us, started with `--import hyper-transport/register`: the origin's log is the judge. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { limitsOfRuntime } from '../../adapters/register/runtime.ts'
import { testCertificate } from '../support/certificate.ts'
import { startDualOrigin } from '../support/origin.ts'

const run = promisify(execFile)
const register = new URL('../../adapters/register.ts', import.meta.url).href
const root = new URL('../..', import.meta.url)
const { ca } = await testCertificate()
const folder = await mkdtemp(join(tmpdir(), 'hyper-register-'))
after(() => rm(folder, { recursive: true }))
const caFile = join(folder, 'ca.pem')
await writeFile(caFile, ca)

/** What the origin saw: protocol and path of each request. */
const seen: string[] = []
const origin = await startDualOrigin({
  '*': async ({ protocol, method, path, body }, answer) => {
    let octets = 0
    for await (const chunk of body) octets += chunk.length
    seen.push(`${protocol} ${method} ${path} ${octets}`)
    answer.head(200, { 'content-type': 'application/json' })
    answer.end(JSON.stringify({ object: 'list', data: [], path }))
  },
})
after(() => origin[Symbol.asyncDispose]())

interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly seen: readonly string[]
}

/** Runs a program in this project's folder, so that it finds the libraries; it knows the origin as ORIGIN. */
async function program(source: string, env: Record<string, string> = {}, ...args: string[]): Promise<Ran> {
  seen.length = 0
  const options = {
    cwd: root,
    timeout: 60_000,
    env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile, ORIGIN: origin.origin, ...env },
  }
  const preload = args.length > 0 ? args : ['--import', register]
  const { stdout, stderr } = await run(process.execPath, [...preload, '--input-type=module', '-e', source], options)
  return { stdout: stdout.trim(), stderr, seen: [...seen] }
}

const programs: Record<string, string> = {
  'the global fetch': `const r = await fetch(process.env.ORIGIN + '/x', { method: 'POST', body: 'hello' }); console.log(r.status, (await r.json()).path)`,
  'undici.request': `import { request } from 'undici'
    const r = await request(process.env.ORIGIN + '/x', { method: 'POST', body: 'hello' }); console.log(r.statusCode, (await r.body.json()).path)`,
  axios: `import axios from 'axios'
    const r = await axios.post(process.env.ORIGIN + '/x', 'hello'); console.log(r.status, r.data.path)`,
  got: `import got from 'got'
    const r = await got.post(process.env.ORIGIN + '/x', { body: 'hello' }); console.log(r.statusCode, JSON.parse(r.body).path)`,
  'node-fetch': `import fetch from 'node-fetch'
    const r = await fetch(process.env.ORIGIN + '/x', { method: 'POST', body: 'hello' }); console.log(r.status, (await r.json()).path)`,
  superagent: `import agent from 'superagent'
    const r = await agent.post(process.env.ORIGIN + '/x').type('text').send('hello'); console.log(r.status, r.body.path)`,
  'https.request': `import { request } from 'node:https'
    request(process.env.ORIGIN + '/x', { method: 'POST' }, async (r) => {
      let text = ''
      for await (const chunk of r) text += chunk
      console.log(r.statusCode, JSON.parse(text).path)
    }).end('hello')`,
  'an agent of the program’s own': `import { Agent, request } from 'node:https'
    request(process.env.ORIGIN + '/x', { method: 'POST', agent: new Agent({ keepAlive: true, maxSockets: 5 }) }, (r) => {
      r.resume()
      console.log(r.statusCode, r.req.path)
    }).end('hello')`,
}

describe('a program started with the preload speaks HTTP/2 by', () => {
  for (const [name, source] of Object.entries(programs)) {
    test(name, async () => {
      const { stdout, seen } = await program(source)
      assert.equal(stdout, '200 /x')
      assert.deepEqual(seen, ['h2 POST /x 5'])
    })
  }

  test('the SDK of OpenAI', async () => {
    const { stdout, seen } = await program(`import OpenAI from 'openai'
      const client = new OpenAI({ apiKey: 'k', baseURL: process.env.ORIGIN + '/v1' })
      console.log((await client.models.list()).data.length)`)
    assert.equal(stdout, '0')
    assert.deepEqual(seen, ['h2 GET /v1/models 0'])
  })

  test('the AWS SDK, which makes an agent for itself', async () => {
    const { stdout, seen } = await program(`import { S3Client, PutObjectCommand } from '@aws-sdk/client-s3'
      const client = new S3Client({ endpoint: process.env.ORIGIN, region: 'x', forcePathStyle: true,
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, requestChecksumCalculation: 'WHEN_REQUIRED' })
      console.log((await client.send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'hello' }))).$metadata.httpStatusCode)`)
    assert.equal(stdout, '200')
    assert.deepEqual(seen, ['h2 PUT /b/k 5'])
  })
})

describe('the environment says', () => {
  const both = `await fetch(process.env.ORIGIN + '/fetch').then((r) => r.text())
    await new Promise((resolve) => require('node:https').get(process.env.ORIGIN + '/https', (r) => r.resume().on('end', resolve)))`
  const source = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); ${both}`

  test('HYPER_EXCEPT: hosts that are left alone', async () => {
    const { seen } = await program(source, { HYPER_EXCEPT: 'localhost' })
    assert.deepEqual(seen, ['http/1.1 GET /fetch 0', 'http/1.1 GET /https 0'])
    assert.deepEqual((await program(source, { HYPER_EXCEPT: 'elsewhere.test' })).seen, [
      'h2 GET /fetch 0',
      'h2 GET /https 0',
    ])
  })

  test('HYPER_FETCH=native: Node’s own fetch stays, over the pool', async () => {
    const { stdout, seen } = await program(
      `const r = await fetch(process.env.ORIGIN + '/x'); console.log(fetch.toString().includes('hyper') || 'trailers' in r)`,
      { HYPER_FETCH: 'native' },
    )
    assert.deepEqual([stdout, seen], ['false', ['h2 GET /x 0']])
  })

  test('HYPER_STATS=1: one line at the end', async () => {
    const { stderr } = await program(source, { HYPER_STATS: '1' })
    assert.equal(
      stderr,
      'hyper-transport: 2 requests to 1 origin over 1 connection (1 HTTP/2, 0 HTTP/1.1); 0 sent again after a failure\n',
    )
  })

  test('HYPER_DEBUG=1: each frame', async () => {
    const { stderr } = await program(source, { HYPER_DEBUG: '1' })
    assert.match(stderr, /^HYPER \[1 https:\/\/localhost:\d+\] > SETTINGS/m)
    assert.match(stderr, /< HEADERS/)
  })

  test('what cannot be read ends the process with the name of the variable', async () => {
    const wrong: [Record<string, string>, RegExp][] = [
      [{ HYPER_CONNECTIONS: 'many' }, /HYPER_CONNECTIONS must be a whole number of 1 or more, not "many"/],
      [{ HYPER_COALESCE: 'perhaps' }, /HYPER_COALESCE must be 1 or 0/],
      [{ HYPER_H2C: '1' }, /HYPER_H2C must be prior-knowledge or upgrade/],
      [{ HYPER_PROXY: 'ftp://x' }, /proxy/],
    ]
    for (const [env, message] of wrong) {
      const failure = await program('', env).then(
        () => assert.fail(`${JSON.stringify(env)} was taken`),
        (error: { stderr: string }) => error.stderr,
      )
      assert.match(failure, message)
    }
  })

  test('a name that looks misspelt is warned of', async () => {
    assert.match(
      (await program('', { HYPER_CONECTIONS: '2' })).stderr,
      /knows no HYPER_CONECTIONS: did you mean HYPER_CONNECTIONS/,
    )
  })
})

describe('register()', () => {
  test('register() goes before the environment, and what it returns puts everything back', async () => {
    const { stdout, seen } = await program(
      `import http from 'node:http'
      import https from 'node:https'
      const slots = [1, 2].map((n) => Symbol.for('undici.globalDispatcher.' + n))
      void Response
      const before = [fetch, http.Agent.prototype.addRequest, globalThis[slots[0]]]
      const { register } = await import(process.env.REGISTER)
      const unregister = register({ except: 'elsewhere.test' })
      await fetch(process.env.ORIGIN + '/first').then((r) => r.text())
      unregister()
      console.log([fetch, http.Agent.prototype.addRequest, globalThis[slots[0]]].every((one, i) => one === before[i]))
      await fetch(process.env.ORIGIN + '/second').then((r) => r.text())
      https.get(process.env.ORIGIN + '/third', (r) => r.resume())`,
      { REGISTER: register, HYPER_EXCEPT: 'localhost' },
      '--no-warnings',
    )
    assert.equal(stdout, 'true')
    assert.deepEqual(seen, ['h2 GET /first 0', 'http/1.1 GET /second 0', 'http/1.1 GET /third 0'])
  })

  test('register() refuses an unknown option, and changes nothing in the process', async () => {
    const { stdout } = await program(
      `const { register } = await import(process.env.REGISTER)
      const before = fetch
      try { register({ conections: 1 }) } catch (error) { console.log(error.message, fetch === before) }`,
      { REGISTER: register },
    )
    assert.equal(stdout, 'There is no option conections: did you mean connections? true')
  })

  test('register() leaves agents of other classes alone, and keeps what was set in place', async () => {
    const { seen } = await program(
      `import https from 'node:https'
      class Own extends https.Agent {}
      const get = (path, options) => new Promise((resolve) => https.get(process.env.ORIGIN + path, options, (r) => r.resume().on('end', resolve)))
      await get('/own', { agent: new Own() })
      https.globalAgent.options.ALPNProtocols = ['http/1.1']
      await get('/set', {})
      process.exit()`,
    )
    assert.deepEqual(seen, ['http/1.1 GET /own 0', 'http/1.1 GET /set 0'])
  })
})

describe('a runtime in which not all of it can work', () => {
  test('register() warns in a runtime where not all of it can work, and not in Node', () => {
    const bun = { bun: '1.4.5', node: '24.0.0' }
    const deno = { deno: '2.9.6', node: '24.0.0' }
    assert.match(String(limitsOfRuntime('hyper', bun)), /Bun has a module of its own for undici/)
    assert.match(String(limitsOfRuntime('native', bun)), /the fetch of Bun asks no dispatcher.*; Bun has/)
    assert.match(String(limitsOfRuntime('native', deno)), /the fetch of Deno asks no dispatcher/)
    assert.equal(limitsOfRuntime('hyper', deno), undefined)
    assert.equal(limitsOfRuntime('native'), undefined)
  })
})
