/**
 * The origin of the lifecycle benchmarks, a process of its own: node:http2 over TLS, for any name under `bench.example`.
 *
 * `/small` 12 octets; `/hold` never answers; `/endless` a body without end, at the pace of the window; `/connections` how
 * many TCP connections were accepted so far.
 */
import http2 from 'node:http2'
import { certificateFor } from '../../test/support/certificate.ts'

const { ca, cert, key } = await certificateFor('localhost', '*.bench.example')
const streams = Number(process.argv[2] ?? 100)
const server = http2.createSecureServer({ cert, key, settings: { maxConcurrentStreams: streams } })
let connections = 0
server.on('connection', (socket) => {
  connections++
  socket.setNoDelay(true)
  socket.on('error', () => {})
})
server.on('sessionError', () => {})
server.on('stream', (stream, headers) => {
  stream.on('error', () => {})
  switch (headers[':path']) {
    case '/hold':
      break
    case '/endless': {
      const chunk = Buffer.alloc(65_536)
      const more = (): void => {
        while (!stream.destroyed && stream.write(chunk));
      }
      stream.respond({ ':status': 200 })
      stream.on('drain', more)
      more()
      break
    }
    case '/connections':
      stream.respond({ ':status': 200 })
      stream.end(String(connections))
      break
    default:
      stream.respond({ ':status': 200 })
      stream.end('hello, world')
  }
})
process.on('SIGTERM', () => process.exit())
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  process.send?.({ port: address.port, ca })
})
