/**
 * TLS sessions of peers met before, so that the next handshake with one of them is short (RFC 8446 section 2.2).
 *
 * Rules
 * - A key names everything that the session's trust rests on: peer, server name, route, and all TLS options. A session is
 *   never offered under another key.
 * - A TLS 1.3 ticket is offered once (RFC 8446 appendix C.4: it would make connections linkable); of TLS 1.2 the last
 *   session is kept.
 * - The peer's certificate stays with the session: a resumed handshake shows none.
 * - Sessions only come here of handshakes that were accepted. The memory is bounded.
 */
import type { PeerCertificate } from 'node:tls'
import { MAX_TLS_SESSION_PEERS, MAX_TLS_TICKETS } from '../limits.ts'

/** A session, and whose it is. */
export interface PeerSession {
  readonly session: Buffer
  readonly certificate: PeerCertificate | undefined
}

interface Kept extends PeerSession {
  /** It is a ticket of TLS 1.3. */
  readonly once: boolean
}

export class SessionCache {
  /** In the order of their last use, so that the first is the one to go. */
  private readonly peers = new Map<string, Kept[]>()

  /** A session to offer to this peer, the newest. */
  take(key: string): PeerSession | undefined {
    const kept = this.peers.get(key)
    if (kept === undefined) return undefined
    this.peers.delete(key)
    const last = kept[kept.length - 1]
    if (last.once) kept.pop()
    if (kept.length > 0) this.peers.set(key, kept)
    return last
  }

  /** @param once it is a ticket of TLS 1.3. */
  add(key: string, { session, certificate }: PeerSession, once: boolean): void {
    let kept = this.peers.get(key)
    this.peers.delete(key)
    if (kept === undefined || !once) kept = []
    kept.push({ session, certificate, once })
    if (kept.length > MAX_TLS_TICKETS) kept.shift()
    this.peers.set(key, kept)
    if (this.peers.size <= MAX_TLS_SESSION_PEERS) return
    for (const oldest of this.peers.keys()) {
      this.peers.delete(oldest)
      break
    }
  }

  /** A handshake failed to which one of this peer's was offered: the others are of the same make. */
  forget(key: string): void {
    this.peers.delete(key)
  }

  /** Peers that are remembered. */
  get size(): number {
    return this.peers.size
  }

  clear(): void {
    this.peers.clear()
  }
}
