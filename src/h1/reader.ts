/**
 * Cuts octets into messages (RFC 9112 sections 6 and 7), however they arrive, for either role.
 *
 * - A head that is whole in one read is found with one search and read where it lies. What a read ends within is collected
 *   in `stash`, and searched from where the last search ended, so that the work is linear however it is cut.
 * - Bodies are handed on as they arrive, uncopied: `buffer[start, end)` may be kept by whoever gets it.
 * - Before anything is told, the reader stands behind it. So whoever is told may pause, end, ask anew or throw: what is left
 *   is kept, and the next call goes on with it.
 */
import { Buffer } from 'node:buffer'
import type { FieldList } from '../headers/fields.ts'
import { NO_FIELDS } from '../headers/fields.ts'
import { MAX_CHUNK_EXTENSIONS, MAX_CHUNK_SIZE_DIGITS, MAX_EMPTY_LINES, MAX_TRAILERS } from '../limits.ts'
import { Fault } from './faults.ts'
import { section, VALUE_OCTET } from './fields.ts'

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

export interface ReaderLimits {
  readonly maxHeaderSize: number
  readonly maxHeaderFields: number
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
  /** The message is whole, which has to be told. */
  FINISH: 16,
  STOPPED: 17,
} as const

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

/** The value of each hexadecimal digit; -1 elsewhere. */
const HEX = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 16; digit++) {
  const character = digit.toString(16)
  HEX[character.charCodeAt(0)] = digit
  HEX[character.toUpperCase().charCodeAt(0)] = digit
}

export class MessageReader {
  paused = false
  private readonly sink: MessageSink
  private readonly limits: ReaderLimits
  private readonly beginning: string
  private phase: number
  private running = false
  private ended = false

  private chunk: Buffer = NOTHING
  private pos = 0
  /** Octets that came while others were not read yet. */
  private queue: Buffer[] = []
  private queued = 0

  private stash: Buffer = NOTHING
  private stashed = 0
  private emptyLines = 0
  /** Octets of the body, or of the chunk, still to come. */
  private left = 0
  private digits = 0
  private extensions = 0
  private trailers: FieldList = NO_FIELDS
  private rawTrailers: FieldList = NO_FIELDS

  /** @param role a client's reader is idle until `begin()`; a server's begins at once, and holds after each message. */
  constructor(sink: MessageSink, role: 'client' | 'server', limits: ReaderLimits) {
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

  receive(octets: Buffer): void {
    if (this.phase === Phase.STOPPED || this.ended) return
    if (this.pos < this.chunk.length || this.queue.length > 0) {
      this.queue.push(octets)
      this.queued += octets.length
    } else {
      this.chunk = octets
      this.pos = 0
    }
    this.run()
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
    this.stash = NOTHING
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
        this.extensions = 0
        this.beginSize()
        break
      case 'close':
        this.phase = Phase.CLOSE
    }
  }

  /** Reads on, as far as octets reach and nobody pauses. Does nothing when it is being read already. */
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
        this.expect(LF, 'a chunk size')
        this.beginChunk()
        break
      case Phase.CHUNK_CR:
        this.expect(CR, 'a chunk')
        this.phase = Phase.CHUNK_LF
        break
      case Phase.CHUNK_LF:
        this.expect(LF, 'a chunk')
        this.beginSize()
        break
      case Phase.LAST:
        this.endOrTrailers()
        break
      case Phase.LAST_LF:
        this.expect(LF, 'the last chunk')
        this.phase = Phase.FINISH
        break
      case Phase.TRAILERS:
        this.readTrailers()
        break
      default:
        throw new Fault('octets came that nobody asked for')
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
    const begun = phase !== Phase.HEAD || this.stashed > 0
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
      this.expect(LF, 'an empty line')
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
    const { chunk, pos } = this
    const limit = this.limits.maxHeaderSize
    if (this.stashed === 0) {
      const found = chunk.indexOf(END_OF_HEAD, pos)
      if (found !== -1) {
        if (found + 4 - pos > limit) throw this.tooLarge(chunk, pos, limit)
        this.pos = found + 4
        this.sink.onHead(chunk, pos, found + 2)
        return
      }
    }
    const end = this.collect(limit)
    if (end !== -1) this.sink.onHead(this.stash, 0, end)
    else if (this.stashed >= limit) throw this.tooLarge(this.stash, 0, limit)
    else this.checkBeginning()
  }

  /** What cannot become a head need not be waited for. */
  private checkBeginning(): void {
    const begin = this.stash.toString('latin1', 0, Math.min(this.stashed, this.beginning.length))
    if (!this.beginning.startsWith(begin)) throw new Fault(`it is not HTTP/1.1: ${JSON.stringify(begin)}`)
  }

  private tooLarge(buffer: Buffer, start: number, limit: number): Fault {
    // A server says which part it was (RFC 9110 section 15.5.15).
    const line = buffer.indexOf(LF, start)
    const status = line === -1 || line - start >= limit ? 414 : 431
    return new Fault(`its head is longer than the ${limit} octets allowed`, status, 'too-large')
  }

  /**
   * Moves octets into the stash, up to the limit or the next empty line.
   * @returns where the last line before it ends in the stash; -1 when there is none yet.
   */
  private collect(limit: number): number {
    const { chunk, pos, stashed: before } = this
    const taken = Math.min(chunk.length - pos, limit - before)
    const size = before + taken
    if (size > this.stash.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(512, size * 2)))
      this.stash.copy(larger, 0, 0, before)
      this.stash = larger
    }
    const { stash } = this
    chunk.copy(stash, before, pos, pos + taken)
    const from = Math.max(0, before - 3)
    const found = stash.subarray(from, size).indexOf(END_OF_HEAD)
    if (found !== -1) {
      this.stashed = 0
      this.pos = pos + from + found + 4 - before
      return from + found + 2
    }
    for (let i = before; i < size; i++) {
      if (stash[i] === LF && stash[i - 1] !== CR) throw new Fault('a line ends without CR')
    }
    this.stashed = size
    this.pos = pos + taken
    return -1
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
    this.left = 0
    this.digits = 0
  }

  private readSize(): void {
    const { chunk } = this
    let { pos, left, digits } = this
    let octet = CR
    for (; pos < chunk.length; pos++) {
      octet = chunk[pos]
      const digit = HEX[octet]
      if (digit === -1) break
      left = left * 16 + digit
      if (++digits > MAX_CHUNK_SIZE_DIGITS || left > Number.MAX_SAFE_INTEGER) {
        throw new Fault('the size of a chunk is beyond counting', 413)
      }
    }
    this.left = left
    this.digits = digits
    this.pos = pos
    if (pos === chunk.length) return
    if (digits === 0 || (octet !== CR && octet !== SEMICOLON)) throw new Fault('the size of a chunk is malformed')
    this.pos++
    this.phase = octet === CR ? Phase.SIZE_LF : Phase.EXTENSIONS
  }

  /** Nobody knows any, so they are not told; bounded for all chunks of a message together. */
  private skipExtensions(): void {
    const { chunk } = this
    const start = this.pos
    let pos = start
    while (pos < chunk.length && VALUE_OCTET[chunk[pos]] === 1) pos++
    this.pos = pos
    this.extensions += pos - start
    if (this.extensions > MAX_CHUNK_EXTENSIONS) {
      throw new Fault(`its chunk extensions are longer than ${MAX_CHUNK_EXTENSIONS} octets`, 413, 'too-large')
    }
    if (pos === chunk.length) return
    this.expect(CR, 'a chunk extension')
    this.phase = Phase.SIZE_LF
  }

  private beginChunk(): void {
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
    const end = this.collect(MAX_TRAILERS)
    if (end === -1) {
      if (this.stashed < MAX_TRAILERS) return
      throw new Fault(`its trailer section is longer than ${MAX_TRAILERS} octets`, 431, 'too-large')
    }
    const text = this.stash.toString('latin1', 0, end)
    section.read(this.stash, 0, end, text, 0, this.limits.maxHeaderFields, undefined)
    this.trailers = section.fields
    this.rawTrailers = section.raw
    this.phase = Phase.FINISH
  }

  private expect(octet: number, behind: string): void {
    if (this.chunk[this.pos] !== octet) throw new Fault(`${behind} does not end in CR LF`)
    this.pos++
  }
}
