/**
 * What one dial knows of its way, and what of that it only remembers.
 *
 * Rules
 * - What is only remembered (an answer of the resolver, a TLS session) may save time and costs no dial: when a step fails that
 *   it may have made fail, it is forgotten, and the step is tried once more without it.
 * - A session is set aside first: the same address is asked for a whole handshake. Then, where TLS failed, the addresses that
 *   were found and have not failed are tried. Then, where the addresses were remembered, the name is looked up once more, and
 *   what is new in the answer is tried: an answer that says the same again was right.
 * - Each happens once in a dial at the most, so that every dial ends.
 */
import type { ConnectPhase } from '../errors.ts'
import type { Address } from './link.ts'
import type { Resolved, Resolver } from './resolve.ts'

/** What is changed before the next try. */
export type Revision = 'session' | 'address'

export class Trail {
  private readonly resolver: Resolver
  /** Addresses that led nowhere in this dial. */
  readonly failed = new Set<string>()
  /** The address that it is connected to, or was last. */
  at: string | undefined
  /** Of TLS sessions from before. */
  session: 'may be offered' | 'offered' | 'set aside' = 'may be offered'
  private host = ''
  private addresses: readonly Address[] = []
  private answer: 'none' | 'remembered' | 'doubted' | 'fresh' = 'none'

  constructor(resolver: Resolver) {
    this.resolver = resolver
  }

  /** Addresses that were found and have not failed. */
  get left(): readonly Address[] {
    return this.addresses.filter(({ address }) => !this.failed.has(address))
  }

  /** The addresses are remembered, and nobody has asked anew. */
  get isRemembered(): boolean {
    return this.answer === 'remembered'
  }

  /** If this try fails there is another. */
  get isRevisable(): boolean {
    return this.session === 'offered' || this.isRemembered || this.left.some(({ address }) => address !== this.at)
  }

  /** The resolver has answered. Asked a second time, it has the last word. */
  learn(host: string, { addresses, cached }: Resolved): void {
    this.host = host
    this.addresses = addresses
    this.answer = cached && this.answer === 'none' ? 'remembered' : 'fresh'
  }

  /** The remembered addresses are in doubt. */
  forgetAddresses(): void {
    if (this.answer !== 'remembered') return
    this.answer = 'doubted'
    this.resolver.forget(this.host, this.addresses)
  }

  /**
   * A step beyond TCP has failed.
   * @param others another address may do what this one did not.
   * @returns what is different in the next try; undefined: there is none.
   */
  revise(phase: ConnectPhase, others: boolean): Revision | undefined {
    if (phase === 'tls' && this.session === 'offered') {
      this.session = 'set aside'
      return 'session'
    }
    if (this.at === undefined) return undefined
    this.failed.add(this.at)
    this.at = undefined
    const more = others && phase === 'tls' && this.left.length > 0
    if (!more && !this.isRemembered) return undefined
    this.forgetAddresses()
    if (!more) this.addresses = []
    return 'address'
  }
}
