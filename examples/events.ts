/**
 * Server-sent events over HTTP/2: undici's EventSource on our dispatcher, which comes back where it was cut off, and the
 * same stream read by our fetch. `node examples/events.ts`
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'hyper-transport'
import { createFetch } from 'hyper-transport/fetch'
import { HyperDispatcher } from 'hyper-transport/undici'
import { EventSource, type MessageEvent } from 'undici'
import { startServer } from './support/server.ts'

const prices = [101, 99, 104, 103, 107, 110]

// Three prices at a time, then the server hangs up.
await using server = await startServer(async (request, response) => {
  const last = Number(request.headers['last-event-id'] ?? -1)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('retry: 20\n\n')
  for (const [id, price] of [...prices.entries()].slice(last + 1, last + 4)) {
    response.write(`id: ${id}\nevent: price\ndata: {"price":${price}}\n\n`)
    await sleep(5)
  }
  response.end()
})

await using pool = new Pool({ tls: { ca: server.ca } })

console.log('By EventSource:')
const heard: number[] = []
const dispatcher = new HyperDispatcher({ pool })
const source = new EventSource(`${server.origin}/prices`, { dispatcher })
await new Promise<void>((resolve) => {
  source.addEventListener('price', (event) => {
    const { data, lastEventId } = event as MessageEvent<string>
    const { price } = JSON.parse(data)
    console.log(`  event ${lastEventId}: ${price}`)
    heard.push(price)
    if (heard.length === prices.length) resolve()
  })
})
source.close()
assert.deepEqual(heard, prices)

console.log('By fetch:')
const fetch = createFetch({ pool })
const response = await fetch(`${server.origin}/prices`, { headers: { accept: 'text/event-stream' } })
assert.ok(response.body)
let text = ''
const read: number[] = []
for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
  const events = (text + chunk).split('\n\n')
  text = events.pop() ?? ''
  for (const event of events) {
    const data = /^data: (.*)$/m.exec(event)?.[1]
    if (data === undefined) continue
    console.log(`  ${data}`)
    read.push(JSON.parse(data).price)
  }
}
assert.deepEqual(read, prices.slice(0, 3))

console.log(`Connections used: ${server.connections}`)
assert.equal(server.connections, 1)
