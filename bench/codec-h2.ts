/** Frames and the protocol engine in memory: no sockets, no TLS, no event loop. */

import { FrameReader, type FrameSink, serializeFrame } from '../src/frame/index.ts'
import {
  type ConnectionListener,
  H2Connection,
  type H2Stream,
  type RequestHead,
  type StreamListener,
} from '../src/h2/index.ts'
import { MAX_CONCURRENT_STREAMS } from '../src/limits.ts'

/** Repeats the work for about so many milliseconds, and says how many times a second it can be done. */
function perSecond(milliseconds: number, work: () => number): number {
  const warm = performance.now() + milliseconds / 3
  while (performance.now() < warm) work()
  let done = 0
  const start = performance.now()
  while (performance.now() - start < milliseconds) done += work()
  return (done / (performance.now() - start)) * 1000
}

class CountingSink implements FrameSink {
  frames = 0
  onFrame(): void {
    this.frames++
  }
  onDataHeader(): void {
    this.frames++
  }
  onDataPiece(): void {}
  onOversized(): void {}
}

function frames(milliseconds: number): number {
  const sink = new CountingSink()
  const reader = new FrameReader(sink, 16_384)
  const octets = Buffer.concat(
    Array.from({ length: 100 }, (_, index) => [
      serializeFrame({
        type: 'HEADERS',
        streamId: index * 2 + 1,
        endStream: false,
        endHeaders: true,
        block: Buffer.alloc(20),
      }),
      serializeFrame({ type: 'DATA', streamId: index * 2 + 1, endStream: true, data: Buffer.alloc(100) }),
      serializeFrame({ type: 'WINDOW_UPDATE', streamId: 0, increment: 100 }),
    ]).flat(),
  )
  return perSecond(milliseconds, () => {
    const before = sink.frames
    reader.receive(octets)
    return sink.frames - before
  })
}

class Quiet implements StreamListener {
  onInformational(): void {}
  onHeaders(): void {}
  onData(): void {}
  onEnd(): void {}
  onError(): void {}
  onSent(): void {}
  onLocalEnd(): void {}
  onDrain(): void {}
}

const BODY = Buffer.from('hello, world')
const RESPONSE = [':status', '200', 'content-type', 'text/plain', 'content-length', '12', 'server', 'bench']
const REQUEST = [
  ':method',
  'GET',
  ':scheme',
  'https',
  ':authority',
  'localhost',
  ':path',
  '/small',
  'user-agent',
  'bench',
]

/** Answers at once. */
class End extends Quiet implements ConnectionListener {
  readonly h2: H2Connection
  finished = 0

  constructor(role: 'client' | 'server') {
    super()
    this.h2 = new H2Connection(this, { role })
  }
  onOutput(): void {}
  onSettings(): void {}
  onPong(): void {}
  onGoaway(): void {}
  onFailed(error: Error): void {
    throw error
  }
  onStreamClosed(): void {
    this.finished++
  }
  onRequest(stream: H2Stream, _head: RequestHead): StreamListener {
    this.h2.respond(stream, RESPONSE, false)
    this.h2.write(stream, BODY)
    this.h2.end(stream)
    return this
  }
}

function exchanges(milliseconds: number): number {
  const client = new End('client')
  const server = new End('server')
  const carry = (from: End, to: End): void => {
    for (const octets of from.h2.takeOutput(1 << 18)) to.h2.receive(octets)
  }
  carry(client, server)
  carry(server, client)
  return perSecond(milliseconds, () => {
    const before = client.finished
    for (let i = 0; i < MAX_CONCURRENT_STREAMS; i++) client.h2.request(REQUEST, true, client)
    carry(client, server)
    carry(server, client)
    return client.finished - before
  })
}

export function run(milliseconds = 1000): void {
  console.log(
    `  frames parsed            ${Math.round(frames(milliseconds)).toLocaleString('en').padStart(12)} a second`,
  )
  console.log(
    `  exchanges, both ends     ${Math.round(exchanges(milliseconds)).toLocaleString('en').padStart(12)} a second`,
  )
}
