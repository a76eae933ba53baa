/** No file of ours takes timers or clocks from where a test runner puts false ones. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runModule } from './support/child.ts'
import { startH1Origin, startH2Origin } from './support/origin.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const FUNCTIONS = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
]

/** What stands in the way of false timers: uses of the globals, and modules that false timers are put into. */
function offences(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')
  const imported =
    /^import \{([^}]*)\} from '[./src]*clock\.ts'/m
      .exec(code)?.[1]
      ?.split(',')
      .map((name) => name.trim()) ?? []
  const found = [
    ...code.matchAll(/process\.nextTick|performance\.|Date\.now|new Date\(\)|from '(?:node:)?timers[^']*'/g),
  ]
  const offences = found.map(([text]) => text)
  for (const name of FUNCTIONS) {
    // Not a member, nor the declaration of a method of this name.
    const used = new RegExp(`(?<![.\\w'])${name}\\((?![^\\n]*(?:\\{|\\): \\w+)$)`, 'm').test(code)
    const passed = new RegExp(`(?<=[(,=?:] ?)${name}(?=[,);\\n])`).test(code.replace(/^import .*$/gm, ''))
    if ((used || passed) && !imported.includes(name)) offences.push(name)
  }
  return offences
}

test('no source reads a timer or a clock off the global object, process or node:timers', () => {
  const wrong: string[] = []
  for (const folder of ['src', 'adapters']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name === 'clock.ts') continue
      for (const offence of offences(readFileSync(join(root, folder, name), 'utf8'))) wrong.push(`${name}: ${offence}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('the lint itself knows an offence when it sees one', () => {
  assert.deepEqual(offences('setImmediate(run)'), ['setImmediate'])
  assert.deepEqual(offences('await new Promise((resolve) => setTimeout(resolve, 1))'), ['setTimeout'])
  assert.deepEqual(offences("import { setTimeout } from '../clock.ts'\nsetTimeout(run, 1)\nprocess.nextTick(run)"), [
    'process.nextTick',
  ])
  assert.deepEqual(offences('socket.setTimeout(5)'), [])
})

test('with every timer and clock of the process mocked after the import, each shim answers twice over both protocols', async () => {
  await using h2 = await startH2Origin({ '*': (_call, answer) => answer.end('h2') })
  await using h1 = await startH1Origin({ '*': (_call, answer) => answer.end('h1') })
  const script = `
    import axios from 'axios'
    import got from 'got'
    import { get } from 'node:https'
    import { mock } from 'node:test'
    const [axiosShim, gotShim, fetchShim, undiciShim, agentShim, awsShim] = await Promise.all(
      ['axios', 'got', 'fetch', 'undici', 'agent', 'aws'].map((name) => import(root + 'adapters/' + name + '.ts')))
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] })
    performance.now = () => 0
    const options = { tls: { rejectUnauthorized: false } }
    const adapter = axiosShim.createHyperAdapter(options)
    const client = got.extend(gotShim.hyperGot(options))
    const fetch = fetchShim.createFetch(options)
    const dispatcher = new undiciShim.HyperDispatcher({ connect: options.tls })
    const agents = agentShim.createHyperAgent(options)
    const handler = new awsShim.HyperRequestHandler(options)
    const ways = {
      axios: (url) => axios.get(url, { adapter }).then(({ data }) => data),
      got: (url) => client(url).text(),
      fetch: (url) => fetch(url).then((response) => response.text()),
      undici: (url) => dispatcher.request({ origin: new URL(url).origin, path: '/', method: 'GET' }).then(({ body }) => body.text()),
      agent: (url) => new Promise((resolve, reject) => {
        get(url, { agent: agents.https }, (message) => message.on('data', (data) => resolve(String(data)))).on('error', reject)
      }),
      aws: async (url) => {
        const { protocol, hostname, port } = new URL(url)
        const { response } = await handler.handle({ protocol, hostname, port: Number(port), path: '/', method: 'GET', headers: {} })
        let text = ''
        for await (const piece of response.body) text += piece
        return text
      },
    }
    const answers = []
    for (const [name, call] of Object.entries(ways)) {
      for (const url of [${JSON.stringify(h2.origin)}, ${JSON.stringify(h1.origin)}]) {
        await call(url + '/')
        answers.push([name, await call(url + '/')])
      }
    }
    process.stdout.write(JSON.stringify(answers), () => process.exit(0))
  `
  const names = ['axios', 'got', 'fetch', 'undici', 'agent', 'aws']
  assert.deepEqual(
    await runModule(script, { NODE_NO_WARNINGS: '1' }),
    names.flatMap((name) => [
      [name, 'h2'],
      [name, 'h1'],
    ]),
  )
})
