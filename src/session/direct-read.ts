/**
 * Reads of sockets in clear text into one buffer of the thread, in place of 64 KiB of fresh memory for each read.
 *
 * Rules
 * - A socket that is made with `options` is an ordinary stream until `begin()` is called, and again after `end()`.
 * - In between, what is read goes to `take` alone. The next read overwrites it: `take` copies what it keeps.
 * - A stand-in for a socket (a mock, another runtime) may not support `onread` and emit `data` instead: listen for that as well.
 *
 * Measured (HTTP/1.1 in clear text, bodies of 1 MiB, Node 24): reading costs a quarter where data is dropped or copied to where it
 * belongs, and a sixth less where each piece is kept. TLS reads through buffers of its own, so it gains nothing.
 *
 * Hot path: plain fields.
 */
import { Buffer } from 'node:buffer'
import type { OnReadOpts, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What libuv asks for, and a kernel gives, at most. Smaller ones cost more reads; larger ones save none. */
const READ_SIZE = 65_536

/** Made at the first connection. A read ends before the next begins, so that one is enough for all sockets of a thread. */
let shared: Buffer | undefined

const directs = new WeakMap<Duplex, DirectRead>()

export class DirectRead {
  readonly options: OnReadOpts
  private readonly memory: Buffer
  private socket: Socket | undefined
  private take: ((octets: Buffer) => void) | null = null

  constructor() {
    shared ??= Buffer.allocUnsafeSlow(READ_SIZE)
    this.memory = shared
    this.options = { buffer: shared, callback: (length) => this.onRead(length) }
  }

  /** How a socket is read, if it was made with the `options` of one of these. */
  static of(socket: Duplex): DirectRead | undefined {
    return directs.get(socket)
  }

  /** The socket that was made with the options. */
  belongTo(socket: Socket): void {
    this.socket = socket
    directs.set(socket, this)
  }

  begin(take: (octets: Buffer) => void): void {
    this.take = take
  }

  end(): void {
    this.take = null
  }

  /** @returns false when no more is to be read for now. */
  private onRead(length: number): boolean {
    const octets = this.memory.subarray(0, length)
    if (this.take === null) return this.socket?.push(Buffer.from(octets)) ?? true
    this.take(octets)
    return true
  }
}
