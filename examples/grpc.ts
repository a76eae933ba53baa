/**
 * A gRPC-style call: a message with its length in front, `te: trailers`, and the outcome in the trailers.
 * `node examples/grpc.ts`
 *
 * JSON stands in for protocol buffers here; what is around it is gRPC's protocol over HTTP/2.
 */
import assert from 'node:assert/strict'
import { HTTPConnection } from 'hyper-transport'
import { bodyOf, startServer } from './support/server.ts'

/** One octet says whether the message is compressed, four give its length. */
function frame(message: unknown): Buffer {
  const octets = Buffer.from(JSON.stringify(message))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(octets.length, 1)
  return Buffer.concat([head, octets])
}

function unframe(octets: Buffer): { name?: string; greeting?: string } {
  const length = octets.readUInt32BE(1)
  return JSON.parse(octets.toString('utf8', 5, 5 + length))
}

await using server = await startServer(async (request, response) => {
  const { name } = unframe(await bodyOf(request))
  response.setHeader('content-type', 'application/grpc')
  if (request.headers.te !== 'trailers') {
    response.writeHead(400).end()
  } else if (name === undefined) {
    // An error without a message: the trailers are the whole response.
    response.writeHead(200, { 'grpc-status': '3', 'grpc-message': 'a name is missing' }).end()
  } else {
    response.addTrailers({ 'grpc-status': '0', 'grpc-message': '' })
    response.end(frame({ greeting: `Hello ${name}` }))
  }
})

await using connection = new HTTPConnection(server.origin, { tls: { ca: server.ca } })

interface Outcome {
  readonly status: string | undefined
  readonly detail: string | undefined
  readonly message: ReturnType<typeof unframe> | undefined
}

/** One message there, one message back. `timeout` is the call's deadline in milliseconds. */
async function call(method: string, message: unknown, timeout = 5_000): Promise<Outcome> {
  const response = await connection.roundTrip('POST', method, {
    headers: { 'content-type': 'application/grpc', te: 'trailers', 'grpc-timeout': `${timeout}m` },
    body: frame(message),
    timeout,
  })
  const octets = await response.bytes()
  const trailers = await response.trailers
  const outcome = trailers.has('grpc-status') ? trailers : response.headers
  return {
    status: outcome.text('grpc-status'),
    detail: outcome.text('grpc-message'),
    message: octets.length > 0 ? unframe(octets) : undefined,
  }
}

const greeting = await call('/greet.Greeter/SayHello', { name: 'Ada' })
console.log(`grpc-status ${greeting.status}: ${greeting.message?.greeting}`)
assert.deepEqual(greeting, { status: '0', detail: '', message: { greeting: 'Hello Ada' } })

const refused = await call('/greet.Greeter/SayHello', {})
console.log(`grpc-status ${refused.status}: ${refused.detail}`)
assert.deepEqual(refused, { status: '3', detail: 'a name is missing', message: undefined })

const many = await Promise.all(names(100).map((name) => call('/greet.Greeter/SayHello', { name })))
assert.ok(many.every(({ status, message }, index) => status === '0' && message?.greeting === `Hello ${index}`))
console.log(`${many.length} calls at once over ${server.connections} connection`)
assert.equal(server.connections, 1)

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index))
}
