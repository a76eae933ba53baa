/** A plain node:http2 server for machines without nghttpd and nginx. Says where it listens to its parent process. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testCertificate } from '../test/support/certificate.ts'

const { ca, cert, key } = await testCertificate()
const folder = mkdtempSync(join(tmpdir(), 'hyper-transport-'))
const caFile = join(folder, 'ca.pem')
writeFileSync(caFile, ca)
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGTERM', () => process.exit())
process.on('disconnect', () => process.exit())

const bodies = new Map([
  ['/small', Buffer.from('hello, world')],
  ['/megabyte', randomBytes(1 << 20)],
])
const server = http2.createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
  const body = bodies.get(request.url)
  response.writeHead(body === undefined ? 404 : 200)
  if (body !== undefined) response.write(body)
  response.end()
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  process.send?.({ origin: `https://localhost:${address.port}`, caFile })
})
