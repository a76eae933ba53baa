/** Padding, and windows that a manager of the caller's keeps: a response that is not read holds no more than its window. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serializeFrame } from '../../src/frame/index.ts'
import {
  AdaptiveFlowControlManager,
  type ConnectionListener,
  FlowControlManager,
  H2Connection,
  type StreamListener,
  type WindowManagerFactory,
} from '../../src/h2/index.ts'
import { Encoder } from '../../src/hpack/index.ts'

const WINDOW = 65_535
const DATA = 16_000

/** A DATA frame with `padding` octets of padding, the length octet not counted. */
function padded(streamId: number, data: number, padding: number): Buffer {
  const frame = Buffer.alloc(9 + 1 + data + padding)
  frame.writeUIntBE(1 + data + padding, 0, 3)
  frame[4] = 0x8
  frame.writeUInt32BE(streamId, 5)
  frame[9] = padding
  return frame
}

const managers: [string, WindowManagerFactory | undefined][] = [
  ['none', undefined],
  ['FlowControlManager', (size) => new FlowControlManager(size)],
  ['AdaptiveFlowControlManager', (...context) => new AdaptiveFlowControlManager(...context)],
]

for (const [name, windowManager] of managers) {
  for (const padding of [1, 255]) {
    test(`a response of frames padded by ${padding}, unread, with the manager: ${name}`, () => {
      let held = 0
      let over: string | undefined
      const connection: ConnectionListener = {
        onOutput() {},
        onSettings() {},
        onPong() {},
        onGoaway() {},
        onStreamClosed() {},
        onFailed(error) {
          over ??= error.message
        },
      }
      const stream: StreamListener = {
        onInformational() {},
        onHeaders() {},
        onData(_stream, _buffer, start, end) {
          held += end - start
        },
        onEnd() {},
        onError(_stream, error) {
          over ??= error.message
        },
        onSent() {},
        onLocalEnd() {},
        onDrain() {},
      }
      const h2 = new H2Connection(connection, {
        streamWindow: WINDOW,
        ...(windowManager === undefined ? {} : { windowManager }),
      })
      h2.request([':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'], true, stream)
      h2.takeOutput(1e6)
      h2.receive(serializeFrame({ type: 'SETTINGS', streamId: 0, ack: false, settings: [] }))
      h2.receive(serializeFrame({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] }))
      const block = new Encoder().encode([':status', '200'])
      h2.receive(serializeFrame({ type: 'HEADERS', streamId: 1, endStream: false, endHeaders: true, block }))
      for (let i = 0; i < 50 && over === undefined; i++) {
        h2.receive(padded(1, DATA, padding))
        h2.takeOutput(1e6)
      }
      assert.match(String(over), /window/)
      assert.ok(held > WINDOW - 2 * DATA && held <= WINDOW, `${held} octets were held`)
    })
  }
}
