/**
 * Server push: the server sends the style sheet and the script along with the page. `node examples/push.ts`
 */
import assert from 'node:assert/strict'
import { HTTPConnection } from 'hyper-transport'
import { startServer } from './support/server.ts'

const assets: Record<string, string> = {
  '/style.css': 'body { color: teal }',
  '/app.js': 'console.log("hello")',
  '/huge.mp4': 'x'.repeat(1_000_000),
}

await using server = await startServer((_request, response) => {
  for (const [path, body] of Object.entries(assets)) {
    response.createPushResponse({ ':path': path }, (error, push) => {
      if (error) return
      push.stream.on('error', () => {})
      push.end(body)
    })
  }
  response.end('<link rel=stylesheet href=/style.css><script src=/app.js></script>')
})

// Off unless asked for.
await using connection = new HTTPConnection(server.origin, { tls: { ca: server.ca }, enablePush: true })

const stream = await connection.request('GET', '/')
const received: string[] = []
// Until the page's own response is over no further promise can come: `captureAll` waits for that.
for await (const push of connection.getPushes(stream, { captureAll: true })) {
  if (push.path.endsWith('.mp4')) {
    push.cancel()
    console.log(`${push.method} ${push.path}: not wanted`)
    continue
  }
  const response = await push.getResponse()
  const body = await response.text()
  console.log(`${push.method} ${push.path}: ${response.status}, ${body}`)
  received.push(push.path)
}
const page = await connection.getResponse(stream)
console.log(`GET /: ${page.status}, ${await page.text()}`)

assert.deepEqual(received.sort(), ['/app.js', '/style.css'])
