/** Octets of another realm (node:vm, the sandboxes of test runners) are octets. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import axios from 'axios'
import got from 'got'
import { HyperRequestHandler } from '../adapters/aws.ts'
import { createHyperAdapter } from '../adapters/axios.ts'
import { createFetch } from '../adapters/fetch.ts'
import { hyperGot } from '../adapters/got.ts'
import { HyperDispatcher } from '../adapters/undici.ts'
import { HTTPConnection, Pool } from '../src/index.ts'
import { startH1Origin, startH2Origin } from './support/origin.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

test('no source uses `instanceof` to recognise bytes', () => {
  const wrong: string[] = []
  for (const folder of ['src', 'adapters']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue
      const found = readFileSync(join(root, folder, name), 'utf8').matchAll(
        /instanceof (?:Uint8Array|ArrayBuffer|SharedArrayBuffer|DataView|Buffer|Blob|File|URLSearchParams|FormData)\b/g,
      )
      for (const [text] of found) wrong.push(`${name}: ${text}`)
    }
  }
  assert.deepEqual(wrong, [])
})

const FOREIGN: Readonly<Record<string, string>> = {
  ArrayBuffer: 'new Uint8Array([104, 105]).buffer',
  Uint8Array: 'new Uint8Array([104, 105])',
  DataView: 'new DataView(new Uint8Array([104, 105]).buffer)',
}

for (const [protocol, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${protocol}: octets of another realm are sent as they are by each shim and by HTTPConnection`, async () => {
    await using origin = await start({
      async '*'(call, answer) {
        let text = ''
        for await (const chunk of call.body) text += String(chunk)
        answer.end(text)
      },
    })
    const pool = new Pool({ tls: { ca: origin.ca } })
    const adapter = createHyperAdapter({ pool })
    const fetch = createFetch({ pool })
    const handler = new HyperRequestHandler({ pool })
    const dispatcher = new HyperDispatcher({ connect: { ca: origin.ca } })
    const connection = new HTTPConnection(origin.origin, { tls: { ca: origin.ca } })
    const url = `${origin.origin}/`
    const ways: Readonly<Record<string, (body: never, kind: string) => Promise<string>>> = {
      axios: async (body) => (await axios.post<string>(url, body, { adapter })).data,
      fetch: async (body) => (await fetch(url, { method: 'POST', body })).text(),
      // got itself takes typed arrays alone.
      got: (body, kind) =>
        kind === 'Uint8Array' ? got.post(url, { body, ...hyperGot({ pool }) }).text() : Promise.resolve('hi'),
      undici: async (body) =>
        (await dispatcher.request({ origin: origin.origin, path: '/', method: 'POST', body })).body.text(),
      aws: async (body) => {
        const { response } = await handler.handle({
          method: 'POST',
          protocol: 'https:',
          hostname: 'localhost',
          port: origin.port,
          path: '/',
          headers: {},
          body,
        })
        let text = ''
        for await (const chunk of response.body) text += String(chunk)
        return text
      },
      HTTPConnection: async (body) => (await connection.roundTrip('POST', '/', body)).text(),
    }
    try {
      for (const [kind, source] of Object.entries(FOREIGN)) {
        for (const [name, way] of Object.entries(ways)) {
          assert.equal(await way(runInNewContext(source) as never, kind), 'hi', `${name}, ${kind}`)
        }
      }
    } finally {
      await Promise.all([pool.destroy(), dispatcher.destroy(), connection.close()])
    }
  })
}
