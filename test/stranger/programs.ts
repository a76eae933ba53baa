/** A program for each entry point: it does what one imports the entry point for, and prints `hello`, where it can from the origin. */
import { ENTRIES, type Entry, specifierOf, stemOf } from '../../build/entries.ts'

/** The body of a function; `entry` is what is imported, ORIGIN where `/hello` says hello. */
const BODIES: Readonly<Record<string, string>> = {
  index: `
    const pool = new entry.Pool()
    const text = await new Promise((resolve, reject) => {
      let text = ''
      pool.dispatch({ origin: ORIGIN, method: 'GET', path: '/hello', headers: [] }, {
        onHeaders() {},
        onData(chunk) { text += chunk },
        onEnd() { resolve(text) },
        onError: reject,
      })
    })
    await pool.close()
    return text`,
  fetch: `
    const fetch = entry.createFetch({})
    const text = await (await fetch(ORIGIN + '/hello')).text()
    await fetch.close()
    return text`,
  undici: `
    const dispatcher = entry.install()
    const text = await (await fetch(ORIGIN + '/hello')).text()
    await dispatcher.close()
    return text`,
  agent: `
    const https = await import('node:https')
    return new Promise((resolve, reject) => {
      https.get(ORIGIN + '/hello', { agent: entry.hyperAgent.https }, async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve(text)
      }).on('error', reject)
    })`,
  aws: `
    const { hostname, port } = new URL(ORIGIN)
    const handler = new entry.HyperRequestHandler()
    const request = { protocol: 'https:', hostname, port: Number(port), method: 'GET', path: '/hello', query: {}, headers: {} }
    const { response } = await handler.handle(request)
    let text = ''
    for await (const chunk of response.body) text += chunk
    handler.destroy()
    return text`,
  axios: `
    const { default: axios } = await import('axios')
    return (await axios.get(ORIGIN + '/hello', { adapter: entry.hyperAdapter })).data`,
  got: `
    const { default: got } = await import('got')
    return got.extend(entry.hyperGot())(ORIGIN + '/hello').text()`,
  register: `
    const https = await import('node:https')
    return new Promise((resolve, reject) => {
      https.get(ORIGIN + '/hello', async (response) => {
        const isNodes = response.socket.constructor.name === 'TLSSocket'
        let text = ''
        for await (const chunk of response) text += chunk
        resolve(isNodes ? 'a socket of its own' : text)
      }).on('error', reject)
    })`,
  testing: `
    const origin = await entry.TestOrigin.start({ secure: false })
    origin.answer('/', { body: 'hello' })
    const http = await import('node:http')
    const text = await new Promise((resolve, reject) => {
      http.get(origin.url('/'), { agent: false }, async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve(text)
      }).on('error', reject)
    })
    await origin.close()
    return text`,
  compose: `
    const transport = entry.compose({ dispatch: () => 'hello' })
    return transport.dispatch()`,
  content: `
    const { gzipSync } = await import('node:zlib')
    return String(entry.decodeSmall(entry.parseCodings('gzip'), gzipSync('hello')))`,
  hpack: `
    const block = new entry.Encoder().encode(['say', 'hello'])
    return String(new entry.Decoder().decode(block)).includes('hello') ? 'hello' : ''`,
}

/** For an entry point that this file does not know. */
const ANY = `return Object.keys(entry).length > 0 ? 'hello' : ''`

/** What needs a library that is an optional peer to be of use, or to be bundled. */
const NEEDS: Readonly<Record<string, string>> = { axios: 'axios', got: 'got', undici: 'undici' }

export interface Program {
  readonly stem: string
  readonly source: string
}

/**
 * @param kind whether the entry point is imported or required
 * @param libraries whether axios, got and undici are installed: then those entry points alone, as they are used with them;
 *   otherwise all that are of use without them.
 */
export function programs(kind: 'import' | 'require', libraries: boolean): Program[] {
  const wanted = ENTRIES.filter((entry) => {
    const stem = stemOf(entry)
    return libraries ? stem in NEEDS : stem !== 'axios'
  })
  return wanted.map((entry) => ({ stem: stemOf(entry), source: program(entry, kind, libraries) }))
}

function program(entry: Entry, kind: 'import' | 'require', libraries: boolean): string {
  const specifier = specifierOf(entry)
  const stem = stemOf(entry)
  const head = kind === 'import' ? `import * as entry from '${specifier}'` : `const entry = require('${specifier}')`
  let body = BODIES[stem] ?? ANY
  // Without got its options are all that can be had.
  if (!libraries && stem === 'got') body = `return typeof entry.hyperGot() === 'object' ? 'hello' : ''`
  if (libraries && stem === 'undici') {
    body = `
      const { request } = await import('undici')
      const dispatcher = new entry.HyperDispatcher()
      const { body } = await request(ORIGIN + '/hello', { dispatcher })
      const text = await body.text()
      await dispatcher.close()
      return text`
  }
  // Jest without flags knows no `import()`.
  if (kind === 'require') body = body.replace(/await import\(/g, 'require(')
  return `${head}
const { ORIGIN } = process.env
async function main() {${body}
}
main().then((text) => console.log(text), (error) => {
  console.error(error)
  process.exitCode = 1
})
`
}
