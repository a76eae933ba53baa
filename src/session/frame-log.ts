/**
 * `NODE_DEBUG=hyper`: each frame of each HTTP/2 connection in one readable line on stderr, both directions. The channel
 * `hyper:connection:frame` gives the same lines to whoever listens when the connection is made. Without either nothing of this runs.
 *
 * Header blocks are decoded with tables of the log's own, so that looking changes nothing; both sides of ours use tables
 * of the first size (`HEADER_TABLE_SIZE`). Values of fields that carry
 * secrets are left out.
 */
import { debuglog } from 'node:util'
import { channels, type FrameMessage, publishFrame } from '../diagnostics.ts'
import { Flag, FrameType, PREFACE } from '../frame/codes.ts'
import { explain, printable } from '../frame/explain.ts'
import type { Frame } from '../frame/frames.ts'
import { parsePayload } from '../frame/parse.ts'
import { Decoder } from '../hpack/index.ts'

/** A header section that is longer is not shown whole. */
const MAX_SHOWN = 2000
const SECRET = /^(?:authorization|proxy-authorization|cookie|set-cookie)$/

const debug = debuglog('hyper')
let connections = 0

/** The log of one connection, when it is asked for. */
export function frameLog(origin: string): FrameLog | undefined {
  if (!debug.enabled && !channels.frame.hasSubscribers) return undefined
  const connection = ++connections
  return new FrameLog((direction, text) => {
    if (debug.enabled) debug('%s', `[${connection} ${origin}] ${direction === 'sent' ? '>' : '<'} ${text}`)
    if (channels.frame.hasSubscribers) publishFrame({ origin, connection, direction, text })
  })
}

export class FrameLog {
  private readonly incoming: Direction
  private readonly outgoing: Direction

  /** @param write takes each line. */
  constructor(write: (direction: FrameMessage['direction'], text: string) => void) {
    this.incoming = new Direction((text) => write('received', text), 0)
    this.outgoing = new Direction((text) => write('sent', text), PREFACE.length)
  }

  received(octets: Uint8Array): void {
    this.incoming.take(octets)
  }

  sent(octets: Uint8Array): void {
    this.outgoing.take(octets)
  }
}

class Direction {
  private readonly write: (text: string) => void
  private readonly decoder = new Decoder({ maxListSize: 1 << 20, maxFields: 10_000 })
  private rest = Buffer.alloc(0)
  private skip: number
  private block: Buffer[] = []
  private broken = false

  constructor(write: (text: string) => void, skip: number) {
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
      this.write(explain(frame))
      this.showBlock(frame, flags)
    } catch (error) {
      this.broken = type !== FrameType.DATA
      this.write(`a frame of type ${type} and ${end - 9} octets that cannot be read: ${String(error)}`)
    }
  }

  private showBlock(frame: Frame, flags: number): void {
    if (frame.type !== 'HEADERS' && frame.type !== 'CONTINUATION' && frame.type !== 'PUSH_PROMISE') return
    this.block.push(Buffer.from(frame.block))
    if ((flags & Flag.END_HEADERS) === 0) return
    const block = Buffer.concat(this.block)
    this.block = []
    const fields = this.decoder.decode(block, 0, block.length)
    const shown: string[] = []
    for (let i = 0; i < fields.length; i += 2) {
      shown.push(`${fields[i]}: ${SECRET.test(fields[i]) ? '***' : fields[i + 1]}`)
    }
    // What is no legal value is shown, too, and must not act on a terminal.
    const text = printable(shown.join(' | '))
    this.write(`  ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text}`)
    const { tableSize } = this.decoder
    const entries = this.decoder.tableEntries().length / 2
    this.write(`  HPACK: ${block.length} octets; table of ${entries} entries, ${tableSize} octets`)
  }
}
