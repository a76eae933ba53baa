/**
 * A link of 1 Gbit/s with a long round trip, in user space: `node delay-proxy.ts TARGET-PORT DELAY` holds every octet, each
 * way, for DELAY ms, and lets them through no faster than the link would.
 */
import { connect, createServer, type Socket } from 'node:net'

const target = Number(process.argv[2])
const delay = Number(process.argv[3])
/** Octets a millisecond. */
const RATE = 125_000
/** What one direction may have under way; a fast link of such a length holds less. */
const CAPACITY = 256 * 1024 * 1024

function forward(from: Socket, to: Socket): void {
  const queue: { at: number; chunk: Buffer }[] = []
  let octets = 0
  let free = 0
  let ended = false
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    timer = undefined
    const now = performance.now()
    while (queue.length > 0 && queue[0].at <= now) {
      const chunk = queue.shift()?.chunk
      if (chunk === undefined) break
      octets -= chunk.length
      to.write(chunk)
    }
    if (octets < CAPACITY) from.resume()
    if (queue.length > 0) timer = setTimeout(flush, Math.max(0, queue[0].at - performance.now()))
    else if (ended) to.end()
  }
  from.on('data', (chunk: Buffer) => {
    free = Math.max(free, performance.now()) + chunk.length / RATE
    queue.push({ at: free + delay, chunk })
    octets += chunk.length
    if (octets >= CAPACITY) from.pause()
    if (timer === undefined) timer = setTimeout(flush, delay)
  })
  from.on('end', () => {
    ended = true
    if (timer === undefined) timer = setTimeout(flush, delay)
  })
  from.on('error', () => to.destroy())
  from.on('close', () => setTimeout(() => to.destroy(), 2 * delay + 100).unref())
}

const server = createServer((near) => {
  const far = connect(target, '127.0.0.1')
  near.setNoDelay(true)
  far.setNoDelay(true)
  forward(near, far)
  forward(far, near)
})
process.on('SIGTERM', () => process.exit())
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  process.send?.({ port: address.port })
})
