/**
 * Through a proxy: HTTP/2 and its TLS end to end inside a tunnel, for our fetch, axios and HTTPConnection.
 * `node examples/proxy.ts`
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import { connect, type Socket } from 'node:net'
import axios from 'axios'
import { HTTPConnection, Pool, ProxyError } from 'hyper-transport'
import { createHyperAdapter } from 'hyper-transport/axios'
import { createFetch } from 'hyper-transport/fetch'
import { startServer } from './support/server.ts'

await using server = await startServer((request, response) => void response.end(`seen by the server: ${request.url}`))

// A proxy that lets one user through, and only to the server.
const password = `Basic ${Buffer.from('ada:secret').toString('base64')}`
const tunnels: string[] = []
const sockets = new Set<Socket>()
const proxy = http.createServer()
proxy.on('connection', (socket) => sockets.add(socket))
proxy.on('connect', ({ url, headers }, client) => {
  if (headers['proxy-authorization'] !== password) {
    client.end('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="example"\r\n\r\n')
    return
  }
  tunnels.push(url ?? '')
  const upstream = connect(server.port, '127.0.0.1', () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    client.pipe(upstream).pipe(client)
  })
  for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy())
})
await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
const address = proxy.address()
assert.ok(address !== null && typeof address === 'object')
const at = `localhost:${address.port}`
const tls = { ca: server.ca }

// One pool, so one tunnel, for two libraries.
const pool = new Pool({ proxy: `http://ada:secret@${at}`, tls })
const response = await createFetch({ pool })(`${server.origin}/fetch`)
console.log(`fetch: ${await response.text()}`)
const { data } = await axios.get(`${server.origin}/axios`, { adapter: createHyperAdapter({ pool }) })
console.log(`axios: ${data}`)
assert.equal(data, 'seen by the server: /axios')
assert.deepEqual(tunnels, [`localhost:${server.port}`])
await pool.close()

// The proxy says no: the error has its answer.
const stranger = new HTTPConnection(server.origin, { proxy: `http://${at}`, tls })
const error: unknown = await stranger.roundTrip('GET', '/').catch((reason) => reason)
assert.ok(error instanceof ProxyError)
console.log(`HTTPConnection without credentials: ${error.code}, status ${error.status}`)
assert.equal(error.status, 407)
await stranger.close()

// Fields for the proxy alone; the server sees nothing of them.
await using connection = new HTTPConnection(server.origin, {
  proxy: `http://${at}`,
  proxyHeaders: { 'proxy-authorization': password },
  tls,
})
const reply = await connection.roundTrip('GET', '/hyper')
console.log(`HTTPConnection with proxyHeaders: ${await reply.text()} (${reply.version})`)
assert.equal(reply.version, 'HTTP/2')
assert.equal(tunnels.length, 2)

await connection.close()
proxy.close()
for (const socket of sockets) socket.destroy()
