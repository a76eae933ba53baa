/** What the client's and the server's connection have in common: both halves' states, the flow of octets, our body. */
import { type HyperError, InvalidArgumentError } from '../errors.ts'
import type { FieldList } from '../headers/fields.ts'
import { UNCHECKED, warnOnce } from '../warn.ts'
import type { Fault } from './faults.ts'
import { LineMemory } from './line-memory.ts'
import { checkOptions, type H1Limits, type H1Options, limitsOf } from './options.ts'
import { BodyWriter, HeadWriter } from './outbound.ts'
import { MessageReader, type MessageSink } from './reader.ts'
import {
  afterReceive,
  afterSend,
  type ReceiveEvent,
  type ReceiveState,
  type SendEvent,
  type SendState,
} from './states.ts'

/** The callbacks for the body of a received message. */
export interface BodyListener {
  /**
   * A piece of the body: the octets from `start` to `end` of `buffer`, not copied. They may be kept, unless they were lent to
   * `receive()`.
   */
  onData(buffer: Buffer, start: number, end: number): void
  /**
   * The message is complete.
   * @param trailers flat (name, value, name, value), names in lower case; empty when there are none.
   * @param rawTrailers the same with the names as they were sent.
   */
  onEnd(trailers: FieldList, rawTrailers: FieldList): void
}

/** What this process says is much alike, and read by connections of one request each. */
const ownLines = new LineMemory()

export abstract class H1Endpoint<Listener extends BodyListener> implements MessageSink {
  /** @internal */
  protected readonly listener: Listener
  /** @internal */
  protected readonly origin: string | undefined
  /** @internal */
  protected readonly validate: boolean
  /** @internal */
  protected readonly limits: H1Limits
  /** @internal */
  protected readonly lines: LineMemory
  /** @internal */
  protected readonly reader: MessageReader
  /** @internal */
  protected readonly head: HeadWriter
  /** @internal */
  protected readonly body: BodyWriter
  /** @internal */
  protected sendState: SendState = 'idle'
  /** @internal */
  protected receiveState: ReceiveState = 'idle'
  /** Whether neither side has said that the connection ends with the messages under way. @internal */
  protected keepAlive = true

  protected constructor(listener: Listener, role: 'client' | 'server', options: H1Options) {
    checkOptions(options)
    this.listener = listener
    this.origin = options.origin
    const { validateOutbound = true } = options
    this.validate = validateOutbound === true
    if (validateOutbound === false) warnOnce(UNCHECKED)
    this.limits = limitsOf(options)
    this.lines = options.trustInbound === true ? ownLines : new LineMemory()
    this.reader = new MessageReader(this, role, this.limits)
    this.head = new HeadWriter(this.origin, this.validate)
    this.body = new BodyWriter(role === 'client' ? 'request' : 'response', this.origin, this.validate)
  }

  /** The state of what we send: requests of a client, responses of a server. */
  get ourState(): SendState {
    return this.sendState
  }

  /** The state of what we receive. */
  get theirState(): ReceiveState {
    return this.receiveState
  }

  /** Whether `pause()` was called, and `resume()` was not called since. */
  get paused(): boolean {
    return this.reader.paused
  }

  /** Octets that were received and not yet passed to a callback. */
  get unread(): number {
    return this.reader.unread
  }

  /**
   * Frames octets of the body.
   * @returns what to write, in order; text is latin1.
   * @throws {InvalidArgumentError} when no body is being sent.
   * @throws {ContentLengthError} when they are more than was announced.
   */
  data(octets: Uint8Array): readonly (string | Uint8Array)[] {
    if (this.sendState !== 'sending') throw this.misuse('No body is being sent')
    return this.body.data(octets)
  }

  /**
   * Ends the body.
   * @param trailers flat; need chunks.
   * @returns latin1 text to write; '' when there is none.
   * @throws {InvalidArgumentError} when no body is being sent, or the trailers may not be.
   * @throws {ContentLengthError} when fewer octets were given than announced.
   */
  end(trailers?: FieldList | null): string {
    if (this.sendState !== 'sending') throw this.misuse('No body is being sent')
    const text = this.body.end(trailers)
    this.sent('end')
    this.settle()
    return text
  }

  /**
   * Takes octets from the peer. Never throws because of what the peer sent.
   * @param lent the memory is yours again when this returns. Then what was not read is copied, and a listener must copy what it
   * keeps. Default false: octets may be kept, so do not change them.
   */
  receive(octets: Buffer, lent = false): void {
    this.reader.receive(octets, lent)
  }

  /** Call it when the transport has ended: a message that is not complete fails, unless the end of the connection ends it. */
  receiveEnd(): void {
    this.reader.receiveEnd()
  }

  /** Stops the callbacks. What is received meanwhile is kept, in order. May be called within a callback. */
  pause(): void {
    this.reader.paused = true
  }

  /** Lets callbacks come again, for what was kept first: at once, or, when called within a callback, after it. */
  resume(): void {
    this.reader.resume()
  }

  /** @internal */
  abstract onHead(buffer: Buffer, start: number, end: number): void
  /** @internal */
  abstract onFault(fault: Fault): void
  /** @internal */
  abstract onCut(where: string): void

  /** @internal */
  onBody(buffer: Buffer, start: number, end: number): void {
    this.listener.onData(buffer, start, end)
  }

  /** @internal */
  onMessageEnd(trailers: FieldList, raw: FieldList): void {
    this.received('end')
    this.settle()
    this.listener.onEnd(trailers, raw)
  }

  /** @internal */
  onOver(): void {
    this.received('over')
    this.sent('over')
  }

  /** Both messages may be whole: the connection is free then, or over. @internal */
  protected settle(): void {
    if (this.sendState !== 'done') return
    if (this.receiveState === 'done') {
      const event = this.keepAlive ? 'next' : 'over'
      this.received(event)
      this.sent(event)
      // What follows the last message is dropped.
      if (event === 'over') this.reader.stop()
    } else if (this.receiveState === 'closed') {
      this.sent('over')
    }
  }

  /** @internal */
  protected sent(event: SendEvent): void {
    this.sendState = afterSend(this.sendState, event)
  }

  /** @internal */
  protected received(event: ReceiveEvent): void {
    this.receiveState = afterReceive(this.receiveState, event)
  }

  /** @internal */
  protected misuse(message: string): HyperError {
    return new InvalidArgumentError(message, { origin: this.origin })
  }
}
