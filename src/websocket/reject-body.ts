/** The body with which a server rejects a handshake, read by the length rules of RFC 9112 section 6.3, piece by piece. */
import type { FieldList } from '../headers/fields.ts'
import type { RejectDataEvent } from './events.ts'
import { handshakeError, joined, single } from './handshake.ts'

/** Octets of a chunk's size with its extensions, and of one line of trailers. */
const MAX_LINE = 1024
/** Lines of trailers, which nobody reads. */
const MAX_TRAILERS = 64

const EMPTY = new Uint8Array(0)
const LINE_FEED = 0x0a

/** What is expected next. */
type Expected = 'data' | 'chunkSize' | 'chunkEnd' | 'trailers' | 'nothing'

export class RejectBody {
  private readonly emit: (event: RejectDataEvent) => void
  private readonly chunked: boolean
  private expected: Expected = 'data'
  /** Octets of the body or chunk still to come; infinite when the end of the transport ends the body. */
  private remaining = Number.POSITIVE_INFINITY
  private line = ''
  private trailers = 0

  /** @throws {RemoteProtocolError} when the length is malformed, or given in two ways. */
  constructor(status: number, fields: FieldList, emit: (event: RejectDataEvent) => void) {
    this.emit = emit
    const coding = joined(fields, 'transfer-encoding')
    const length = single(fields, 'content-length')
    if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || length !== undefined)) {
      throw handshakeError('the length of the body is not clear')
    }
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw handshakeError('content-length is malformed')
    this.chunked = coding !== undefined
    if (this.chunked) this.expected = 'chunkSize'
    else if (length !== undefined) this.remaining = Number(length)
    if (status === 204 || status === 304 || this.remaining === 0) this.expected = 'nothing'
  }

  /** Is all of it here? */
  get finished(): boolean {
    return this.expected === 'nothing'
  }

  /** @throws {RemoteProtocolError} when the chunks are malformed. */
  read(octets: Uint8Array, at: number): void {
    while (at < octets.length && this.expected !== 'nothing') {
      if (this.expected === 'data') {
        const count = Math.min(this.remaining, octets.length - at)
        this.remaining -= count
        const end = this.remaining === 0
        if (end) this.expected = this.chunked ? 'chunkEnd' : 'nothing'
        this.emit({ type: 'rejectData', data: octets.subarray(at, at + count), bodyFinished: this.finished })
        at += count
      } else {
        const octet = octets[at++]
        if (octet !== LINE_FEED) {
          this.line += String.fromCharCode(octet)
          if (this.line.length > MAX_LINE) throw handshakeError('the body is malformed')
        } else {
          if (!this.line.endsWith('\r')) throw handshakeError('the body is malformed')
          this.takeLine(this.line.slice(0, -1))
          this.line = ''
        }
      }
    }
  }

  /**
   * The transport has ended.
   * @throws {RemoteProtocolError} when the body has not.
   */
  end(): void {
    if (this.remaining !== Number.POSITIVE_INFINITY || this.chunked) throw handshakeError('the body was cut')
    this.finish()
  }

  private takeLine(line: string): void {
    if (this.expected === 'chunkSize') {
      const found = /^([\da-fA-F]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line)
      if (found === null) throw handshakeError('the size of a chunk is malformed')
      this.remaining = Number.parseInt(found[1], 16)
      this.expected = this.remaining === 0 ? 'trailers' : 'data'
    } else if (this.expected === 'chunkEnd') {
      if (line !== '') throw handshakeError('a chunk is longer than its size')
      this.expected = 'chunkSize'
    } else if (line === '') {
      this.finish()
    } else if (++this.trailers > MAX_TRAILERS) {
      throw handshakeError('the body has too many trailers')
    }
  }

  private finish(): void {
    this.expected = 'nothing'
    this.emit({ type: 'rejectData', data: EMPTY, bodyFinished: true })
  }
}
