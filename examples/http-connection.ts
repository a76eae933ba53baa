/**
 * hyper's quickstart: one connection, requests that overlap, responses in any order. `node examples/http-connection.ts`
 */
import assert from 'node:assert/strict'
import { HTTPConnection } from 'hyper-transport'
import { bodyOf, json, startServer } from './support/server.ts'

await using server = await startServer(async (request, response) => {
  const { method, url, headers } = request
  if (url === '/') response.end('<h1>Hello</h1>')
  else json(response, { method, url, key: headers['key'], data: String(await bodyOf(request)) })
})

// Nothing is connected yet: the first request does that.
await using connection = new HTTPConnection(`localhost:${server.port}`, { secure: true, tls: { ca: server.ca } })

console.log('One request, and its response:')
await connection.request('GET', '/')
const page = await connection.getResponse()
console.log(`  ${page.version} ${page.status}: ${await page.text()}`)
assert.equal(page.version, 'HTTP/2')

console.log('Three requests at once, their responses in another order:')
const first = await connection.request('GET', '/get', { headers: { key: 'value' } })
const second = await connection.request('POST', '/post', { body: 'hello' })
const third = await connection.request('GET', '/ip')
for (const stream of [second, first, third]) {
  const response = await connection.getResponse(stream)
  console.log(`  stream ${stream}: ${await response.text()}`)
}

console.log('Many callers need no stream identifiers:')
const paths = Array.from({ length: 50 }, (_, index) => `/item/${index}`)
const items = await Promise.all(
  paths.map(async (path) => {
    const response = await connection.roundTrip('GET', path)
    return (await response.json()) as { url: string }
  }),
)
assert.deepEqual(
  items.map(({ url }) => url),
  paths,
)
console.log(`  ${items.length} answers, each to whoever asked`)

console.log('A request step by step:')
connection.putRequest('PUT', '/notes')
connection.putHeader('content-type', 'text/plain')
await connection.endHeaders()
await connection.send('written ')
await connection.send('in pieces', { final: true })
const stored = await connection.getResponse()
assert.equal(((await stored.json()) as { data: string }).data, 'written in pieces')
console.log(`  ${stored.status}`)

console.log(`A PING took ${(await connection.ping()).toFixed(1)} ms; connections used: ${server.connections}`)
assert.equal(server.connections, 1)
