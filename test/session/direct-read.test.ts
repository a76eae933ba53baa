/** Sockets that are read into one buffer of the thread, and may be streams before and after. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { DirectRead } from '../../src/session/direct-read.ts'

/** For what is read, of which nobody is told. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2)
}

async function pair(): Promise<{ ours: Socket; theirs: Socket; read: DirectRead } & AsyncDisposable> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const read = new DirectRead()
  const ours = connect({ port: address.port, host: '127.0.0.1', onread: read.options })
  read.belongTo(ours)
  const [theirs] = (await once(server, 'connection')) as [Socket]
  return {
    ours,
    theirs,
    read,
    async [Symbol.asyncDispose]() {
      ours.destroy()
      theirs.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a socket is a stream until it is read directly, and again afterwards', async () => {
  await using sockets = await pair()
  const { ours, theirs, read } = sockets
  const streamed: string[] = []
  const taken: string[] = []
  ours.on('data', (chunk: Buffer) => streamed.push(chunk.toString()))
  theirs.write('before')
  await until(() => streamed.join('') === 'before')
  read.begin((octets) => {
    taken.push(octets.toString())
    return false
  })
  theirs.write('meanwhile')
  await until(() => taken.join('') === 'meanwhile')
  read.end()
  theirs.end('afterwards')
  await once(ours, 'end')
  assert.deepEqual([streamed.join(' '), taken.join(' ')], ['before afterwards', 'meanwhile'])
})

test('what a stream is given is its own, whatever other sockets read next', async () => {
  await using one = await pair()
  await using other = await pair()
  const kept: Buffer[] = []
  one.ours.on('data', (chunk: Buffer) => kept.push(chunk))
  one.theirs.write('mine')
  await until(() => kept.length > 0)
  let taken = ''
  other.read.begin((octets) => {
    taken += octets.toString()
    return false
  })
  other.theirs.write('theirs')
  await until(() => taken === 'theirs')
  assert.equal(Buffer.concat(kept).toString(), 'mine')
})

test('nothing is read while the socket is paused, and nothing of it is lost', async () => {
  await using sockets = await pair()
  const { ours, theirs, read } = sockets
  let taken = 0
  read.begin((octets) => {
    if (taken === 0) ours.pause()
    taken += octets.length
    return false
  })
  const size = 4 * 1024 * 1024
  theirs.write(Buffer.alloc(size))
  await until(() => taken > 0)
  const first = taken
  assert.ok(first <= 65_536)
  // The other end is written to, and this one reads nothing.
  const echo = once(theirs, 'data')
  ours.write('still here')
  await echo
  assert.equal(taken, first)
  ours.resume()
  await until(() => taken === size)
})

test('a stream that is full holds its peer back, and goes on when it is read', async () => {
  await using sockets = await pair()
  const { ours, theirs } = sockets
  const size = 4 * 1024 * 1024
  theirs.end(Buffer.alloc(size))
  await until(() => ours.readableLength > 0)
  assert.ok(ours.readableLength < size)
  let octets = 0
  for await (const chunk of ours) octets += (chunk as Buffer).length
  assert.equal(octets, size)
})

test('what a taker keeps of large reads is in memory of its own, and small reads go to the common one again', async () => {
  await using sockets = await pair()
  const { theirs, read } = sockets
  const size = 2 * 1024 * 1024
  const sent = Buffer.alloc(size)
  for (let i = 0; i + 4 <= size; i += 4) sent.writeUInt32LE((i * 2654435761) >>> 0, i)
  const pieces: Buffer[] = []
  let own = 0
  let taken = 0
  read.begin((octets, lent) => {
    if (!lent) own += octets.length
    pieces.push(lent ? Buffer.from(octets) : octets)
    taken += octets.length
    return true
  })
  theirs.write(sent)
  await until(() => taken === size)
  assert.ok(Buffer.concat(pieces).equals(sent))
  assert.ok(own > 0, 'no read had memory of its own')
  let word = ''
  let common: ArrayBufferLike | undefined
  read.begin((octets, lent) => {
    assert.equal(lent, true)
    word += octets.toString()
    common = octets.buffer
    return true
  })
  theirs.write('small')
  await until(() => word === 'small')
  theirs.write(' again')
  await until(() => word === 'small again')
  await using other = await pair()
  let shared: ArrayBufferLike | undefined
  other.read.begin((octets) => {
    shared = octets.buffer
    return false
  })
  other.theirs.write('x')
  await until(() => shared !== undefined)
  assert.equal(common, shared)
})

test('only a socket that was made with the options is read directly', async () => {
  await using sockets = await pair()
  assert.equal(DirectRead.of(sockets.ours), sockets.read)
  assert.equal(DirectRead.of(sockets.theirs), undefined)
})
