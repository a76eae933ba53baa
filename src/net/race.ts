/**
 * The second link: one TCP connection to one of several addresses (Happy Eyeballs, RFC 8305).
 *
 * Theory of operation: addresses are tried in turns of their families, beginning with the one that the resolver put
 * first. The next attempt begins 250 ms after the one before, or as soon as that has failed; attempts go on beside each
 * other, the first to connect wins, and the others are destroyed. Only TCP is raced: TLS is for the winner.
 */
import { connect as connectTcp, isIP, type Socket, type TcpNetConnectOpts } from 'node:net'
import { systemCodeOf, toError } from '../errors.ts'
import { CONNECTION_ATTEMPT_DELAY } from '../limits.ts'
import { DirectRead } from '../session/direct-read.ts'
import { type Address, type Cancel, type Ends, guard, later, type Outcome, type Progress } from './link.ts'
import { type StartTimer, systemTimer } from './timer.ts'

export type { StartTimer } from './timer.ts'

/** How often a silent TCP connection is probed, in milliseconds. */
export const TCP_KEEPALIVE = 60_000

/** Begins to connect; `net.connect`, but in tests. */
export type ConnectTcp = (options: TcpNetConnectOpts) => Socket

export interface RaceOptions {
  readonly port: number
  readonly localAddress?: string | undefined
  /** Clear text is what follows. */
  readonly direct?: boolean | undefined
  readonly connect?: ConnectTcp | undefined
  readonly startTimer?: StartTimer | undefined
  /** Takes in each address that failed, and the one that did not. */
  readonly trail?: { readonly failed: Set<string>; at: string | undefined } | undefined
}

export function race(
  addresses: readonly Address[],
  options: RaceOptions,
  progress: Progress,
  outcome: Outcome<Socket>,
): Cancel {
  const running = new Race(addresses, options, progress, outcome)
  // Not within the caller's call: an attempt may fail at once.
  const cancelStart = later(() => running.next())
  return () => {
    cancelStart()
    running.stop()
  }
}

class Race {
  private readonly addresses: readonly Address[]
  private readonly options: RaceOptions
  private readonly progress: Progress
  private readonly outcome: Outcome<Socket>
  private readonly running = new Set<Socket>()
  private readonly failures: Error[] = []
  private begun = 0
  private over = false
  private cancelTimer: Cancel | undefined

  constructor(addresses: readonly Address[], options: RaceOptions, progress: Progress, outcome: Outcome<Socket>) {
    this.addresses = interleave(reachable(addresses, options.localAddress))
    this.options = options
    this.progress = progress
    this.outcome = outcome
  }

  stop(winner?: Socket): void {
    this.over = true
    this.cancelTimer?.()
    for (const socket of this.running) if (socket !== winner) socket.destroy()
    this.running.clear()
  }

  next(): void {
    this.cancelTimer?.()
    this.cancelTimer = undefined
    const target = this.addresses[this.begun++]
    if (target === undefined) return
    const { port, localAddress, direct, connect = connectTcp, startTimer = systemTimer } = this.options
    this.progress.step({ step: 'attempt', address: target.address, port, family: target.family })
    try {
      const read = direct === true ? new DirectRead() : undefined
      const socket = guard(
        connect({
          host: target.address,
          port,
          family: target.family,
          autoSelectFamily: false,
          ...(localAddress === undefined ? {} : { localAddress }),
          ...(read === undefined ? {} : { onread: read.options }),
        }),
      )
      read?.belongTo(socket)
      // A subscriber to the creation of sockets may have given up this dial.
      if (this.over) {
        socket.destroy()
        return
      }
      this.running.add(socket)
      const onError = (error: Error): void => this.onFailed(socket, target, error)
      const onClose = (): void => this.onFailed(socket, target, new Error('the socket closed'))
      socket.once('error', onError)
      socket.once('close', onClose)
      socket.once('connect', () => {
        // They hold all that led here, as long as the socket lives.
        socket.off('error', onError)
        socket.off('close', onClose)
        this.onConnect(socket, target)
      })
    } catch (thrown) {
      // node:net throws for a local address or a port that it cannot read.
      this.onFailed(undefined, target, toError(thrown))
      return
    }
    if (this.begun < this.addresses.length) {
      this.cancelTimer = startTimer(() => this.next(), CONNECTION_ATTEMPT_DELAY)
    }
  }

  private onConnect(socket: Socket, { address }: Address): void {
    if (this.over) return
    if (this.options.trail !== undefined) this.options.trail.at = address
    this.stop(socket)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, TCP_KEEPALIVE)
    this.progress.step({ step: 'connected', path: undefined, ends: endsOf(socket) })
    this.outcome.done(socket)
  }

  private onFailed(socket: Socket | undefined, { address, family }: Address, error: Error): void {
    if (this.over || (socket !== undefined && !this.running.delete(socket))) return
    socket?.destroy()
    this.failures.push(error)
    this.options.trail?.failed.add(address)
    this.progress.step({ step: 'attempt-failed', address, port: this.options.port, family, error })
    if (this.begun < this.addresses.length) {
      this.next()
    } else if (this.running.size === 0) {
      this.over = true
      this.outcome.fail(oneError(this.failures))
    }
  }
}

/** Connects to a unix domain socket. */
export function connectPath(path: string, direct: boolean, progress: Progress, outcome: Outcome<Socket>): Cancel {
  let over = false
  const read = direct ? new DirectRead() : undefined
  const socket = guard(connectTcp(read === undefined ? { path } : { path, onread: read.options }))
  read?.belongTo(socket)
  const fail = (error: Error): void => {
    if (over) return
    over = true
    socket.destroy()
    outcome.fail(error)
  }
  const onClose = (): void => fail(new Error('the socket closed'))
  socket.once('error', fail)
  socket.once('close', onClose)
  socket.once('connect', () => {
    if (over) return
    over = true
    socket.off('error', fail)
    socket.off('close', onClose)
    progress.step({ step: 'connected', path, ends: {} })
    outcome.done(socket)
  })
  return () => {
    over = true
    socket.destroy()
  }
}

/** Families by turns, beginning with the first address's; within a family the order stays (RFC 8305 section 4). */
export function interleave(addresses: readonly Address[]): readonly Address[] {
  const first = addresses.filter(({ family }) => family === addresses[0].family)
  const second = addresses.filter(({ family }) => family !== addresses[0].family)
  const result: Address[] = []
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    if (i < first.length) result.push(first[i])
    if (i < second.length) result.push(second[i])
  }
  return result
}

/** From a local address only addresses of its family can be reached. */
function reachable(addresses: readonly Address[], localAddress: string | undefined): readonly Address[] {
  const family = localAddress === undefined ? 0 : isIP(localAddress)
  const same = addresses.filter((one) => one.family === family)
  return same.length > 0 ? same : addresses
}

/** The failure of all attempts: the only one, or all of them under the system code of the first. */
function oneError(failures: readonly Error[]): Error {
  if (failures.length === 1) return failures[0]
  const error = new AggregateError(failures, failures.map((one) => one.message).join('; '))
  const code = systemCodeOf(failures[0])
  return code === undefined ? error : Object.assign(error, { code })
}

export function endsOf(socket: Ends): Ends {
  const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = socket
  return { remoteAddress, remotePort, remoteFamily, localAddress, localPort }
}
