/**
 * A window manager of one's own: small windows until a document turns out to be long, then all of it at once.
 * `node examples/window-manager.ts`
 */
import assert from 'node:assert/strict'
import { BaseFlowControlManager, FlowControlManager, HTTPConnection, type WindowManagerClass } from 'hyper-transport'
import { startServer } from './support/server.ts'

const LENGTH = 4 * 1024 * 1024

await using server = await startServer((_request, response) => {
  response.writeHead(200, { 'content-length': LENGTH })
  response.end(Buffer.alloc(LENGTH, 'x'))
})

let updates = 0

/** hyper's policy, with a count: the window has one size, and is filled up when little is left. */
class Counted extends FlowControlManager {
  override increaseWindowSize(frameSize: number): number {
    const increment = super.increaseWindowSize(frameSize)
    if (increment > 0) updates++
    return increment
  }
}

/** As soon as the length of the document is known, grants what is missing of it. */
class WholeDocument extends BaseFlowControlManager {
  private granted: number

  constructor(initialWindowSize: number) {
    super(initialWindowSize)
    this.granted = initialWindowSize
  }

  increaseWindowSize(frameSize: number): number {
    // A document without a length gets back what was used. With one: an octet more than it has, for node:http2 and other
    // servers on nghttp2 do not send the empty frame that ends a body into a window of nothing.
    const { documentSize } = this
    const increment = documentSize === undefined ? frameSize : Math.max(documentSize + 1 - this.granted, 0)
    if (increment === 0) return 0
    updates++
    this.granted += increment
    return increment
  }
}

async function download(windowManager: WindowManagerClass): Promise<number> {
  updates = 0
  await using connection = new HTTPConnection(server.origin, {
    tls: { ca: server.ca },
    // One instance a connection, one a stream.
    windowManager: (size, scope, context) =>
      scope === 'stream' ? new windowManager(size, scope, context) : new FlowControlManager(size),
    streamWindow: 64 * 1024,
  })
  const response = await connection.roundTrip('GET', '/')
  const body = await response.bytes()
  assert.equal(body.length, LENGTH)
  console.log(`${windowManager.name}: ${body.length} octets, the window was enlarged ${updates} times`)
  return updates
}

const constant = await download(Counted)
const whole = await download(WholeDocument)
assert.equal(whole, 1)
assert.ok(constant > 10)
