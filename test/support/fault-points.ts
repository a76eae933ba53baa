/**
 * Makes one I/O or one callback of a run fail: the Nth, for every N until a run has fewer. What is counted are points: each
 * connect, lookup, write and read of the client's sockets, and each callback of the caller's that a test puts through
 * `pass()`. Sockets of servers in the same process are left alone.
 *
 * It replaces methods of `net.Socket.prototype` while it is installed, so a file that uses it runs its tests one by one.
 */
import type { LookupFunction } from 'node:net'
import { Socket } from 'node:net'

/** What can be made to fail. */
export const FAULTS = [
  'connect fails',
  'connect is never answered',
  'lookup fails',
  'lookup throws',
  'write fails',
  'write stalls',
  'write stalls for ever',
  'error',
  'close',
  'end',
  'callback throws',
  'abort',
  'destroy',
] as const

export type Fault = (typeof FAULTS)[number]

/** Where a point lies. */
type Place = 'connect' | 'lookup' | 'write' | 'read' | 'callback'

const PLACES: Readonly<Record<Fault, readonly Place[]>> = {
  'connect fails': ['connect'],
  'connect is never answered': ['connect'],
  'lookup fails': ['lookup'],
  'lookup throws': ['lookup'],
  'write fails': ['write'],
  'write stalls': ['write'],
  'write stalls for ever': ['write'],
  error: ['write', 'read'],
  close: ['write', 'read'],
  end: ['write', 'read'],
  'callback throws': ['callback'],
  abort: ['connect', 'lookup', 'write', 'read', 'callback'],
  destroy: ['connect', 'lookup', 'write', 'read', 'callback'],
}

/** What an injected failure looks like. */
export class InjectedError extends Error {
  readonly code = 'EINJECTED'
}

type Write = Socket['write']

export class FaultPoints {
  /** Points passed that this fault could have struck. */
  passed = 0
  /** The fault has struck. */
  struck = false
  /** Where it struck. */
  where = ''
  /** Carries out the faults of the caller's: `abort`, `destroy`. */
  onStrike: () => void = () => {}
  private readonly fault: Fault
  private readonly nth: number
  private readonly ours = new WeakSet<Socket>()
  private readonly theirs = new WeakSet<Socket>()

  /** @param nth from 1; 0 for a run without a fault. */
  constructor(fault: Fault, nth: number) {
    this.fault = fault
    this.nth = nth
  }

  /** Replaces what it must of `Socket.prototype`; the result puts it back. */
  install(): () => void {
    const { prototype } = Socket
    const { connect, write, push } = prototype
    const points = this
    prototype.connect = function connectOrFail(this: Socket, ...args: unknown[]): Socket {
      points.ours.add(this)
      if (points.strikes('connect') && points.fault.startsWith('connect')) {
        // One to an address that does not answer, or refuses.
        if (points.fault === 'connect fails') process.nextTick(() => this.destroy(new InjectedError('connect')))
        return this
      }
      return Reflect.apply(connect, this, args)
    } as Socket['connect']
    prototype.write = function writeOrFail(this: Socket, ...args: Parameters<Write>): boolean {
      if (!points.isOurs(this) || !points.strikes('write')) return Reflect.apply(write, this, args)
      return points.strikeWrite(this, () => Reflect.apply(write, this, args))
    } as Write
    prototype.push = function pushOrFail(this: Socket, chunk: unknown, ...rest: unknown[]): boolean {
      if (chunk !== null && points.isOurs(this) && points.strikes('read')) points.strikeSocket(this)
      return Reflect.apply(push, this, [chunk, ...rest])
    } as Socket['push']
    return () => {
      prototype.connect = connect
      prototype.write = write
      // Inherited: it was not the prototype's own.
      Reflect.deleteProperty(prototype, 'push')
    }
  }

  /** A socket that a server accepted: never struck. */
  spare(socket: Socket): void {
    this.theirs.add(socket)
  }

  /** A callback of the caller's is run: `run` after it has, or has not, thrown. */
  pass<T>(run: () => T): T {
    if (this.strikes('callback') && this.fault === 'callback throws') throw new InjectedError('callback')
    return run()
  }

  /** A `lookup` option of the pool. */
  readonly lookup: LookupFunction = (_host, _options, callback) => {
    const strikes = this.strikes('lookup')
    if (strikes && this.fault === 'lookup throws') throw new InjectedError('lookup')
    process.nextTick(() => {
      if (strikes && this.fault === 'lookup fails') callback(new InjectedError('lookup'), [])
      else callback(null, [{ address: '127.0.0.1', family: 4 }])
    })
  }

  /** TLS sockets connect by another way than `connect()`. */
  private isOurs(socket: Socket): boolean {
    return !this.theirs.has(socket) && (this.ours.has(socket) || 'encrypted' in socket)
  }

  private strikes(place: Place): boolean {
    if (!PLACES[this.fault].includes(place)) return false
    if (++this.passed !== this.nth) return false
    this.struck = true
    this.where = place
    // Nobody's code runs within connect(): right after it.
    if (this.fault === 'abort' || this.fault === 'destroy') {
      if (place === 'connect') process.nextTick(this.onStrike)
      else this.onStrike()
    }
    return true
  }

  private strikeWrite(socket: Socket, write: () => boolean): boolean {
    switch (this.fault) {
      case 'write fails':
        // As node:net does when the system refuses: the socket is destroyed with the error, write() says nothing.
        process.nextTick(() => socket.destroy(new InjectedError('write')))
        return false
      case 'write stalls':
        write()
        setImmediate(() => setImmediate(() => socket.emit('drain')))
        return false
      case 'write stalls for ever':
        write()
        return false
      default:
        this.strikeSocket(socket)
        return write()
    }
  }

  private strikeSocket(socket: Socket): void {
    if (this.fault === 'error') socket.destroy(new InjectedError('socket'))
    else if (this.fault === 'close') socket.destroy()
    else if (this.fault === 'end') socket.emit('end')
  }
}
