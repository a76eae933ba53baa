/**
 * The origin of the stress run, a process of its own: node:http2 over TLS. Every answer carries the request's id and a
 * checksum in its trailers. `?then=goaway` and `?then=cut` end the connection with the answer.
 */
import http2 from 'node:http2'
import { crc32 } from 'node:zlib'
import { testCertificate } from '../support/certificate.ts'
import { pattern } from './pattern.ts'

const { ca, cert, key } = await testCertificate()
const server = http2.createSecureServer({
  cert,
  key,
  settings: { maxConcurrentStreams: 100 },
  // The run cancels more than its defence against rapid resets allows by default (1000, and 33 for each second).
  streamResetBurst: 1_000_000,
  streamResetRate: 1_000_000,
})

server.on('session', (session) => session.on('error', () => {}))
server.on('sessionError', () => {})
server.on('secureConnection', (socket) => socket.on('error', () => {}))

server.on('stream', (stream, headers) => {
  stream.on('error', () => {})
  // The client may have left already.
  if (stream.destroyed) return
  const url = new URL(headers[':path'] ?? '/', 'https://localhost')
  const [, route, id = '', size = '0'] = url.pathname.split('/')
  const answer = { ':status': 200, 'x-id': id }
  const trailers = (sum: number, more: Record<string, string> = {}): void => {
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-id': id, 'x-sum': String(sum), ...more }))
  }
  switch (route) {
    case 'get': {
      const body = pattern(id, Number(size))
      stream.respond(answer, { waitForTrailers: true })
      trailers(crc32(body))
      const then = url.searchParams.get('then')
      if (then === 'goaway') stream.session?.close()
      stream.end(body, () => {
        if (then === 'cut') stream.session?.socket.destroy()
      })
      break
    }
    case 'echo': {
      let sum = 0
      let sent: http2.IncomingHttpHeaders = {}
      stream.on('trailers', (received: http2.IncomingHttpHeaders) => {
        sent = received
      })
      stream.on('data', (chunk: Buffer) => {
        sum = crc32(chunk, sum)
      })
      stream.on('end', () => {
        stream.on('wantTrailers', () =>
          stream.sendTrailers({ 'x-id': id, 'x-sum': String(sum), 'x-echo': String(sent['x-mine'] ?? '') }),
        )
      })
      stream.respond(answer, { waitForTrailers: true })
      stream.pipe(stream)
      break
    }
    case 'headers': {
      const mine = Object.entries(headers).filter(([name]) => name.startsWith('x-'))
      const body = JSON.stringify(Object.fromEntries(mine))
      stream.respond(answer, { waitForTrailers: true })
      trailers(crc32(body))
      stream.end(body)
      break
    }
    case 'slow': {
      const body = pattern(id, Number(size))
      stream.respond(answer, { waitForTrailers: true })
      trailers(crc32(body))
      let at = 0
      const step = Math.ceil(body.length / 8)
      const timer = setInterval(() => {
        if (stream.destroyed) clearInterval(timer)
        else if (at < body.length) {
          stream.write(body.subarray(at, at + step))
          at += step
        } else {
          clearInterval(timer)
          stream.end()
        }
      }, 2)
      break
    }
    default:
      stream.respond({ ':status': 404 }, { endStream: true })
  }
})

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address !== 'string') process.send?.({ port: address.port, ca })
})
process.on('disconnect', () => process.exit(0))
