/**
 * `NODE_DEBUG=hyper`: each frame of each HTTP/2 connection in one readable line on stderr, both directions. The channel
 * `hyper:connection:frame` gives the same, as data and as a line, to whoever listens when the connection is made. Without
 * either nothing of this runs.
 *
 * Header blocks are decoded with tables of the log's own, so that looking changes nothing; both sides of ours use tables
 * of the first size (`HEADER_TABLE_SIZE`). Values of fields that carry
 * secrets are left out.
 */
import { debuglog } from 'node:util'
import { channels } from '../diagnostics.ts'
import { toError } from '../errors.ts'
import { Flag, FrameType, PREFACE } from '../frame/codes.ts'
import type { Frame } from '../frame/frames.ts'
import { parsePayload } from '../frame/parse.ts'
import { Decoder } from '../hpack/index.ts'
import { describeFrame, type FrameFacts, type FrameMessage, publishFrame } from './frame-message.ts'

const SECRET = /^(?:authorization|proxy-authorization|cookie|set-cookie)$/

const debug = debuglog('hyper')
let connections = 0

/** The log of one connection, when it is asked for. */
export function frameLog(origin: string): FrameLog | undefined {
  if (!debug.enabled && !channels.frame.hasSubscribers) return undefined
  const connection = ++connections
  return new FrameLog((direction, facts) => {
    const text = describeFrame(facts)
    if (debug.enabled) debug('%s', `[${connection} ${origin}] ${direction === 'sent' ? '>' : '<'} ${text}`)
    if (channels.frame.hasSubscribers) publishFrame({ origin, connection, direction, text, ...facts })
  })
}

export class FrameLog {
  private readonly incoming: Direction
  private readonly outgoing: Direction

  /** @param write takes each frame, and what is known about it. */
  constructor(write: (direction: FrameMessage['direction'], facts: FrameFacts) => void) {
    this.incoming = new Direction((facts) => write('received', facts), 0)
    this.outgoing = new Direction((facts) => write('sent', facts), PREFACE.length)
  }

  received(octets: Uint8Array): void {
    this.incoming.take(octets)
  }

  sent(octets: Uint8Array): void {
    this.outgoing.take(octets)
  }
}

class Direction {
  private readonly write: (facts: FrameFacts) => void
  private readonly decoder = new Decoder({ maxListSize: 1 << 20, maxFields: 10_000 })
  private rest = Buffer.alloc(0)
  private skip: number
  private block: Buffer[] = []
  private broken = false

  constructor(write: (facts: FrameFacts) => void, skip: number) {
    this.write = write
    this.skip = skip
  }

  take(octets: Uint8Array): void {
    if (this.broken) return
    let data = Buffer.concat([this.rest, octets])
    if (this.skip > 0) {
      const skipped = Math.min(this.skip, data.length)
      this.skip -= skipped
      data = data.subarray(skipped)
    }
    while (data.length >= 9) {
      const end = 9 + data.readUIntBE(0, 3)
      if (data.length < end) break
      this.show(data, end)
      data = data.subarray(end)
    }
    this.rest = Buffer.from(data)
  }

  private show(data: Buffer, end: number): void {
    const type = data[3]
    const flags = data[4]
    try {
      const frame = parsePayload(type, flags, data.readUInt32BE(5) & 0x7fffffff, data.subarray(9, end))
      this.write({ frame })
      this.showBlock(frame, flags)
    } catch (error) {
      this.broken = type !== FrameType.DATA
      this.write({ unreadable: { type, octets: end - 9, error: toError(error) } })
    }
  }

  private showBlock(frame: Frame, flags: number): void {
    if (frame.type !== 'HEADERS' && frame.type !== 'CONTINUATION' && frame.type !== 'PUSH_PROMISE') return
    this.block.push(Buffer.from(frame.block))
    if ((flags & Flag.END_HEADERS) === 0) return
    const block = Buffer.concat(this.block)
    this.block = []
    const fields = this.decoder.decode(block, 0, block.length)
    this.write({ fields: fields.map((value, i) => (i % 2 === 1 && SECRET.test(fields[i - 1]) ? '***' : value)) })
    const { tableSize } = this.decoder
    this.write({ hpack: { octets: block.length, tableEntries: this.decoder.tableEntries().length / 2, tableSize } })
  }
}
