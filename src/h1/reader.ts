/**
 * Cuts octets into messages (RFC 9112 sections 6 and 7), however they arrive, for either role.
 *
 * - A head that is whole in one read is found with one search and read where it lies. What a read ends within is collected:
 *   see `stash.ts`.
 * - Bodies are handed on as they arrive, uncopied: the receiver may keep `buffer[start, end)`, unless it was lent.
 * - Before a callback the reader moves past what it reports. So the callback may pause, end, start a request or throw: what is
 *   left is kept, and the next call goes on with it.
 */
import { Buffer } from 'node:buffer'
import type { FieldList } from '../headers/fields.ts'
import { NO_FIELDS } from '../headers/fields.ts'
import { MAX_EMPTY_LINES } from '../limits.ts'
import { ChunkSize } from './chunk-size.ts'
import { Fault } from './faults.ts'
import { section } from './fields.ts'
import type { H1Limits } from './options.ts'
import { END_OF_HEAD, headTooLarge, NOTHING, Stash } from './stash.ts'

/** Where the messages go. */
export interface MessageSink {
  /** A head is whole: `buffer[start, end)`, its last line's CR LF included. The sink says what follows: see `follow()`. */
  onHead(buffer: Buffer, start: number, end: number): void
  onBody(buffer: Buffer, start: number, end: number): void
  onMessageEnd(trailers: FieldList, raw: FieldList): void
  onFault(fault: Fault): void
  /** The transport has ended, and the message that is being read has not: `where` goes before its name. */
  onCut(where: string): void
  /** The transport has ended between messages. */
  onOver(): void
}

/** Where in a message the next octet stands. */
const Phase = {
  /** No message is expected: octets are a fault. */
  IDLE: 0,
  /** No message is wanted yet: octets are kept. */
  HELD: 1,
  /** Before a head: empty lines are read past. */
  START: 2,
  START_LF: 3,
  HEAD: 4,
  LENGTH: 5,
  CLOSE: 6,
  /** In a chunk's size, in its extensions, before the line feed behind them. */
  SIZE: 7,
  EXTENSIONS: 8,
  SIZE_LF: 9,
  CHUNK: 10,
  /** Before the CR LF behind a chunk. */
  CHUNK_CR: 11,
  CHUNK_LF: 12,
  /** Behind the last chunk: the empty line, or trailer fields. */
  LAST: 13,
  LAST_LF: 14,
  TRAILERS: 15,
  /** The message is whole, and `onMessageEnd` has to be called. */
  FINISH: 16,
  STOPPED: 17,
} as const

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b

export class MessageReader {
  paused = false
  private readonly sink: MessageSink
  private readonly limits: H1Limits
  private readonly beginning: string
  private phase: number
  private running = false
  private ended = false

  private chunk: Buffer = NOTHING
  private pos = 0
  /** Octets that came while others were not read yet. */
  private queue: Buffer[] = []
  private queued = 0

  private readonly stash = new Stash()
  private emptyLines = 0
  /** Octets of the body, or of the chunk, still to come. */
  private left = 0
  private readonly size = new ChunkSize()
  private trailers: FieldList = NO_FIELDS
  private rawTrailers: FieldList = NO_FIELDS

  /** @param role a client's reader is idle until `begin()`; a server's begins at once, and holds after each message. */
  constructor(sink: MessageSink, role: 'client' | 'server', limits: H1Limits) {
    this.sink = sink
    this.limits = limits
    this.beginning = role === 'client' ? 'HTTP/1.' : ''
    this.phase = role === 'client' ? Phase.IDLE : Phase.START
  }

  /** Octets that came and were not read. */
  get unread(): number {
    return this.chunk.length - this.pos + this.queued
  }

  /** The transport has ended, and may have more to say than was read. */
  get over(): boolean {
    return this.ended
  }

  /** @param lent the memory of `octets` is the caller's again afterwards: what was not read of them is copied. */
  receive(octets: Buffer, lent: boolean): void {
    if (this.phase === Phase.STOPPED || this.ended) return
    if (this.pos < this.chunk.length || this.queue.length > 0) {
      this.queue.push(lent ? Buffer.from(octets) : octets)
      this.queued += octets.length
      this.run()
      return
    }
    this.chunk = octets
    this.pos = 0
    try {
      this.run()
    } finally {
      if (lent && this.chunk === octets) {
        this.chunk = Buffer.from(octets.subarray(this.pos))
        this.pos = 0
      }
    }
  }

  receiveEnd(): void {
    this.ended = true
    this.run()
  }

  resume(): void {
    this.paused = false
    this.run()
  }

  /** A message may come. */
  begin(): void {
    this.phase = this.beginning === '' ? Phase.START : Phase.HEAD
    this.emptyLines = 0
  }

  /** No more is read; what came and was not read is given back. */
  stop(): Buffer {
    const rest = this.unread === 0 ? NOTHING : Buffer.concat([this.chunk.subarray(this.pos), ...this.queue])
    this.phase = Phase.STOPPED
    this.chunk = NOTHING
    this.stash.octets = NOTHING
    this.pos = 0
    this.queue = []
    this.queued = 0
    return rest
  }

  /** Called by the sink when it was told a head: what follows. Without a call it is another head. */
  follow(framing: 'none' | 'length' | 'chunked' | 'close', length: number): void {
    this.trailers = NO_FIELDS
    this.rawTrailers = NO_FIELDS
    this.left = length
    switch (framing) {
      case 'none':
        this.phase = Phase.FINISH
        break
      case 'length':
        this.phase = length === 0 ? Phase.FINISH : Phase.LENGTH
        break
      case 'chunked':
        this.size.beginMessage()
        this.beginSize()
        break
      case 'close':
        this.phase = Phase.CLOSE
    }
  }

  /** Reads on until the octets are used up or a callback pauses. Does nothing when it is reading already. */
  run(): void {
    if (this.running) return
    this.running = true
    try {
      while (!this.paused && this.step());
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.stop()
      this.sink.onFault(error)
    } finally {
      this.running = false
      // What was read is not kept in memory by an idle connection.
      if (this.pos === this.chunk.length) {
        this.chunk = NOTHING
        this.pos = 0
      }
    }
  }

  /** @returns false when there is nothing to do for now. */
  private step(): boolean {
    if (this.phase === Phase.FINISH) {
      this.phase = this.beginning === '' ? Phase.HELD : Phase.IDLE
      this.sink.onMessageEnd(this.trailers, this.rawTrailers)
      return true
    }
    if (this.phase === Phase.HELD || this.phase === Phase.STOPPED) return false
    if (this.pos === this.chunk.length && !this.take()) {
      return this.ended && this.finish()
    }
    switch (this.phase) {
      case Phase.START:
      case Phase.START_LF:
        this.skipEmptyLine()
        break
      case Phase.HEAD:
        this.readHead()
        break
      case Phase.LENGTH:
      case Phase.CHUNK:
        this.passBody()
        break
      case Phase.CLOSE:
        this.passAll()
        break
      case Phase.SIZE:
        this.readSize()
        break
      case Phase.EXTENSIONS:
        this.skipExtensions()
        break
      case Phase.SIZE_LF:
        this.requireOctet(LF, 'a chunk size')
        this.beginChunk()
        break
      case Phase.CHUNK_CR:
        this.requireOctet(CR, 'a chunk')
        this.phase = Phase.CHUNK_LF
        break
      case Phase.CHUNK_LF:
        this.requireOctet(LF, 'a chunk')
        this.beginSize()
        break
      case Phase.LAST:
        this.endOrTrailers()
        break
      case Phase.LAST_LF:
        this.requireOctet(LF, 'the last chunk')
        this.phase = Phase.FINISH
        break
      case Phase.TRAILERS:
        this.readTrailers()
        break
      default:
        throw Fault.named('HPE_INVALID_CONSTANT', 'octets came without a request')
    }
    return true
  }

  /** The next of what was kept. */
  private take(): boolean {
    const next = this.queue.shift()
    if (next === undefined) return false
    this.queued -= next.length
    this.chunk = next
    this.pos = 0
    return true
  }

  /** The transport has ended, and all was read. */
  private finish(): boolean {
    const { phase } = this
    const begun = phase !== Phase.HEAD || this.stash.length > 0
    if (phase === Phase.CLOSE) {
      this.phase = Phase.FINISH
      return true
    }
    this.stop()
    if (phase === Phase.IDLE || phase === Phase.START) this.sink.onOver()
    else if (phase <= Phase.HEAD) this.sink.onCut(begun ? 'within the head of' : 'before')
    else this.sink.onCut(phase < Phase.LAST ? 'within the body of' : 'behind the last chunk of')
    return false
  }

  private skipEmptyLine(): void {
    if (this.phase === Phase.START_LF) {
      this.requireOctet(LF, 'an empty line')
      if (++this.emptyLines > MAX_EMPTY_LINES)
        throw new Fault(`more than ${MAX_EMPTY_LINES} empty lines come before it`)
      this.phase = Phase.START
    } else if (this.chunk[this.pos] === CR) {
      this.pos++
      this.phase = Phase.START_LF
    } else {
      this.phase = Phase.HEAD
    }
  }

  private readHead(): void {
    const { chunk, pos, stash } = this
    const limit = this.limits.maxHeaderSize
    if (stash.length === 0) {
      const found = chunk.indexOf(END_OF_HEAD, pos)
      if (found !== -1) {
        if (found + 4 - pos > limit) throw headTooLarge(chunk, pos, limit)
        this.pos = found + 4
        this.sink.onHead(chunk, pos, found + 2)
        return
      }
    }
    const end = stash.collect(chunk, pos, limit)
    this.pos = pos + stash.taken
    if (end !== -1) this.sink.onHead(stash.octets, 0, end)
    else if (stash.length >= limit) throw headTooLarge(stash.octets, 0, limit)
    else stash.checkBeginning(this.beginning)
  }

  private passBody(): void {
    const { chunk, pos } = this
    const length = Math.min(chunk.length - pos, this.left)
    this.left -= length
    this.pos = pos + length
    if (this.left === 0) this.phase = this.phase === Phase.LENGTH ? Phase.FINISH : Phase.CHUNK_CR
    this.sink.onBody(chunk, pos, pos + length)
  }

  private passAll(): void {
    const { chunk, pos } = this
    this.pos = chunk.length
    this.sink.onBody(chunk, pos, chunk.length)
  }

  private beginSize(): void {
    this.phase = Phase.SIZE
    this.size.begin()
  }

  private readSize(): void {
    const { chunk, size } = this
    const pos = size.readDigits(chunk, this.pos)
    this.pos = pos
    if (pos === chunk.length) return
    const octet = chunk[pos]
    if (size.digits === 0 || (octet !== CR && octet !== SEMICOLON)) {
      throw Fault.named(octet === LF ? 'HPE_CR_EXPECTED' : 'HPE_INVALID_CHUNK_SIZE', 'the size of a chunk is malformed')
    }
    this.pos++
    this.phase = octet === CR ? Phase.SIZE_LF : Phase.EXTENSIONS
  }

  private skipExtensions(): void {
    this.pos = this.size.skipExtensions(this.chunk, this.pos)
    if (this.pos === this.chunk.length) return
    this.requireOctet(CR, 'a chunk extension')
    this.phase = Phase.SIZE_LF
  }

  private beginChunk(): void {
    this.left = this.size.value
    this.phase = this.left === 0 ? Phase.LAST : Phase.CHUNK
  }

  private endOrTrailers(): void {
    if (this.chunk[this.pos] === CR) {
      this.pos++
      this.phase = Phase.LAST_LF
    } else {
      this.phase = Phase.TRAILERS
    }
  }

  private readTrailers(): void {
    const { stash, limits } = this
    const end = stash.collect(this.chunk, this.pos, limits.maxTrailerSize)
    this.pos += stash.taken
    if (end === -1) {
      if (stash.length < limits.maxTrailerSize) return
      throw new Fault(`its trailer section is longer than ${limits.maxTrailerSize} octets`, 431, 'too-large')
    }
    const text = stash.octets.toString('latin1', 0, end)
    section.read(stash.octets, 0, end, text, 0, limits.maxHeaderFields, undefined)
    this.trailers = section.fields
    this.rawTrailers = section.raw
    this.phase = Phase.FINISH
  }

  private requireOctet(octet: number, behind: string): void {
    if (this.chunk[this.pos] !== octet) throw Fault.named('HPE_STRICT', `${behind} does not end in CR LF`)
    this.pos++
  }
}
