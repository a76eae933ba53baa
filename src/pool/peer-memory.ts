/**
 * What is known of the server of one origin before there is a connection to it: the protocol that it speaks, and how many
 * streams it allows.
 *
 * Rules
 * - Where the options leave no choice, they say the protocol. Otherwise it is the one that was agreed on last, and failing that
 *   HTTP/1.1, as long as the pool remembers that it spoke nothing else.
 * - What is only remembered is forgotten at the first failure that it may have caused.
 */
import type { PeerNotes } from '../connection/contract.ts'
import { ConnectError, type HyperError, TimeoutError } from '../errors.ts'
import { MAX_STREAMS_BEFORE_SETTINGS, MAX_UPGRADES_LOST, STREAMS_BEFORE_SETTINGS } from '../limits.ts'
import type { ConnectionInfo, ConnectOptions } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import type { ProtocolMemory } from './memory.ts'

type Protocol = ConnectionInfo['protocol']

export class PeerMemory implements PeerNotes {
  /** Streams that it allowed on its last connection. */
  streamLimit: number | undefined
  private readonly key: string
  private readonly isSecure: boolean
  private readonly mayFallBack: boolean
  private readonly shared: ProtocolMemory
  /** What it is to be spoken to by, whatever it says; undefined: it decides. */
  private readonly prescribed: Protocol | undefined
  private agreedOn: Protocol | undefined
  private upgradesLost = 0

  /** @param key of the origin, in the memory that all origins of a pool share. */
  constructor(key: string, origin: Origin, connect: ConnectOptions, shared: ProtocolMemory) {
    this.key = key
    this.isSecure = origin.scheme === 'https'
    this.mayFallBack = connect.allowH1 !== false
    this.shared = shared
    this.prescribed = prescribed(origin, connect)
    this.agreedOn = this.prescribed
  }

  /** What it speaks by prescription, or since it last agreed. */
  get agreed(): Protocol | undefined {
    return this.agreedOn
  }

  /** What it speaks, as far as that is known: of HTTP/1.1 nothing else is offered to it. */
  get protocol(): Protocol | undefined {
    return this.agreedOn ?? (this.shared.http1(this.key) ? 'http/1.1' : undefined)
  }

  /** @param offered HTTP/2 was offered: a server that did not take it will not soon. */
  onAgreed(protocol: Protocol, offered: boolean): void {
    if (protocol === 'h2') {
      this.agreedOn = 'h2'
      return
    }
    if (offered && this.agreedOn === undefined) this.shared.remember(this.key)
    if (this.agreedOn === 'h2') this.agreedOn = undefined
  }

  onStreamLimit(limit: number): void {
    // A limit of 0 is a pause, and nothing is learnt from it.
    if (limit > 0) this.streamLimit = Math.min(limit, MAX_STREAMS_BEFORE_SETTINGS)
  }

  onHttp1Required(): void {
    if (!this.mayFallBack) return
    this.agreedOn = this.prescribed
    this.shared.remember(this.key)
  }

  /** Apache leaves when its answer to the upgrade is finished before our preface has come: on a long way, each time. */
  onUpgradeLost(): void {
    if (++this.upgradesLost >= MAX_UPGRADES_LOST) this.onHttp1Required()
  }

  /** A connection has failed: what was remembered when it was used may have been why. */
  doubt(protocol: Protocol): void {
    // One below what is assumed of a stranger protects the next connection, and is kept.
    if ((this.streamLimit ?? 0) > STREAMS_BEFORE_SETTINGS) this.streamLimit = undefined
    if (this.isSecure && protocol === 'http/1.1') this.shared.forget(this.key)
  }

  /**
   * A connection could not be made that was to speak HTTP/1.1, and nothing else was offered.
   * @returns true when only memory had said so, and that may have been why: both are offered from now on.
   */
  doubtOffer(error: HyperError): boolean {
    if (!this.isSecure || this.prescribed !== undefined) return false
    if (!(error instanceof ConnectError || error instanceof TimeoutError) || error.phase !== 'tls') return false
    this.shared.forget(this.key)
    return true
  }
}

/** What these options leave no choice of. */
function prescribed({ scheme }: Origin, { allowH1, allowH2, h2c }: ConnectOptions): Protocol | undefined {
  if (allowH2 === false) return 'http/1.1'
  if (scheme !== 'http' || h2c === 'upgrade') return undefined
  return h2c === undefined && allowH1 !== false ? 'http/1.1' : 'h2'
}
