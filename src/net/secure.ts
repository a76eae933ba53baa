/**
 * The TLS link: a handshake over a wire that is connected already, be it TCP, a unix domain socket, or a tunnel.
 *
 * Rules
 * - The name that is verified is the origin's (or the proxy's) own, whatever the wire goes through.
 * - The handshake is accepted when node:tls accepts it, its peer has a pinned key where keys are pinned, and the protocol
 *   chosen is one that was offered. Only then are its sessions kept.
 * - A session that was offered in a handshake that failed is not offered again.
 * - Verification is node:tls's, of a resumed session as of a fresh one: what it does not accept never comes here.
 */
import { X509Certificate } from 'node:crypto'
import { Socket } from 'node:net'
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls'
import { toError } from '../errors.ts'
import { addressFamily } from './address-family.ts'
import { tlsIdentity } from './identity.ts'
import { type Cancel, failLater, guard, type Outcome, type Progress, type Wire } from './link.ts'
import type { TlsOptions } from './options.ts'
import type { PeerSession, SessionCache } from './sessions.ts'
import { PeerTls } from './tls-info.ts'
import { effectiveTls, keyLogOf, nodeTlsOptions, pinError } from './tls-options.ts'
import type { Trail } from './trail.ts'

/** Who is at the other end. */
export interface SecurePeer {
  readonly kind: 'origin' | 'proxy'
  readonly host: string
  readonly port: number
  readonly tls: TlsOptions
  /** The protocols to offer (RFC 7301). */
  readonly protocols: readonly ('h2' | 'http/1.1')[]
  /** How the peer is reached: sessions are not carried from one route to another. */
  readonly route: string
}

export interface Secured {
  readonly socket: TLSSocket
  readonly protocol: 'h2' | 'http/1.1'
  readonly covers: (host: string) => boolean
  readonly tls: PeerTls
}

/** @param wire what is connected already; null: node:tls connects by itself, to the peer's host and port. */
export function secure(
  wire: Wire | null,
  peer: SecurePeer,
  sessions: SessionCache,
  progress: Progress,
  outcome: Outcome<Secured>,
  trail: { session: Trail['session'] },
): Cancel {
  const { host } = peer
  const tls = effectiveTls(peer.tls)
  const servername = tls.servername ?? (addressFamily(host) === 0 ? host.replace(/\.$/, '') : '')
  const resume = tls.resume !== false
  const key = `${host}:${peer.port} ${servername} ${peer.route} ${tlsIdentity(tls)}`
  const offered = trail.session === 'set aside' ? undefined : sessionFor(tls, resume, sessions, key)
  if (offered !== undefined) trail.session = 'offered'
  // Whatever ended the handshake, a remembered session of this peer may be the reason.
  const forget = (): void => {
    if (offered !== undefined) sessions.forget(key)
  }
  let socket: TLSSocket
  try {
    socket = guard(
      connectTls({
        ...nodeTlsOptions(tls),
        ...(offered === undefined ? {} : { session: offered.session }),
        host,
        port: peer.port,
        ...(wire === null ? {} : { socket: wire }),
        servername,
        ALPNProtocols: [...peer.protocols],
      }),
    )
  } catch (thrown) {
    // node:tls throws for a key or certificate that it cannot read.
    wire?.destroy()
    return failLater(toError(thrown), outcome)
  }
  if (wire !== null && !(wire instanceof Socket)) followReferences(socket, wire)
  let over = false
  const keeper = resume ? new SessionKeeper(socket, sessions, key) : undefined
  const fail = (error: Error): void => {
    if (over) return
    over = true
    forget()
    socket.destroy()
    wire?.destroy()
    outcome.fail(error)
  }
  const onClose = (): void => fail(new Error('the peer closed the connection during the TLS handshake'))
  socket.once('error', fail)
  socket.once('close', onClose)
  const keyLog = keyLogOf(tls)
  if (keyLog !== undefined) socket.on('keylog', keyLog)
  socket.once('secureConnect', () => {
    if (over) return
    const protocol = agreedProtocol(socket.alpnProtocol, peer.protocols)
    const shown = new PeerTls(socket, offered?.certificate)
    const fault = verdict(shown, tls) ?? (protocol instanceof Error ? protocol : undefined)
    if (fault !== undefined || protocol instanceof Error) {
      fail(fault ?? new Error('no protocol'))
      return
    }
    over = true
    keeper?.accept(shown)
    socket.off('error', fail)
    socket.off('close', onClose)
    const { cipher, sessionReused: resumed } = shown
    const version = shown.protocol ?? undefined
    progress.step({ step: 'secure', peer: peer.kind, protocol, version, cipher: cipher.name, resumed })
    outcome.done({ socket, protocol, covers: coverage(shown, tls), tls: shown })
  })
  return () => {
    if (!over) forget()
    over = true
    socket.destroy()
    wire?.destroy()
  }
}

/** Keeps the sessions of a socket for the next handshakes with its peer. It lives as long as the socket, and holds nothing of the dial. */
class SessionKeeper {
  private readonly sessions: SessionCache
  private readonly key: string
  private peer: PeerTls | undefined
  /** Those that came before the handshake was accepted. */
  private early: Buffer[] = []

  constructor(socket: TLSSocket, sessions: SessionCache, key: string) {
    this.sessions = sessions
    this.key = key
    socket.on('session', (session) => this.add(session))
  }

  accept(peer: PeerTls): void {
    this.peer = peer
    const { early } = this
    this.early = []
    for (const session of early) this.add(session)
  }

  private add(session: Buffer): void {
    const { peer } = this
    if (peer === undefined) this.early.push(session)
    else this.sessions.add(this.key, { session, certificate: peer.certificate }, peer.protocol === 'TLSv1.3')
  }
}

/** What ALPN chose; without a word of the server's it is HTTP/1.1 (RFC 9113 section 3.2: HTTP/2 has to be chosen). */
export function agreedProtocol(chosen: unknown, offered: readonly string[]): 'h2' | 'http/1.1' | Error {
  const silent = chosen === false || chosen === null || chosen === undefined
  const protocol = silent ? 'http/1.1' : chosen
  if ((protocol === 'h2' || protocol === 'http/1.1') && offered.includes(protocol)) return protocol
  const what = silent ? 'no protocol' : `the protocol ${JSON.stringify(chosen)}`
  const error = new Error(`the server chose ${what}, but was offered ${offered.join(' and ')}`)
  return Object.assign(error, { code: 'ERR_TLS_ALPN' })
}

/**
 * Checks the pinned keys, which node:tls does not know. It has checked the rest: it emits `secureConnect` only after the
 * verification that was asked for, also for a resumed session. Only code in this process that stands in for the socket, such as a
 * mock, can emit it otherwise. There is no peer then, and nothing to verify but pins.
 */
function verdict({ certificate }: PeerTls, tls: TlsOptions): Error | undefined {
  const pins = tls.pinnedPublicKeys
  return pins === undefined ? undefined : pinError(pins, certificate && new X509Certificate(certificate.raw))
}

/** Which other hosts the certificate covers. */
function coverage({ authorized, certificate }: PeerTls, tls: TlsOptions): (host: string) => boolean {
  const ordinary = authorized && tls.rejectUnauthorized !== false && tls.checkServerIdentity === undefined
  if (!ordinary || certificate === undefined) return coversNothing
  return (host) => checkServerIdentity(host, certificate) === undefined
}

/** The answer for a peer whose certificate was not verified by the ordinary rules: it covers no other host. */
export function coversNothing(): boolean {
  return false
}

/** Sessions of callers that were offered: each is offered once. */
const spent = new WeakSet<Uint8Array>()

/** The caller's session goes before those that are kept; where keys are pinned it does not do, for it shows none. */
function sessionFor(tls: TlsOptions, resume: boolean, sessions: SessionCache, key: string): PeerSession | undefined {
  if (tls.session !== undefined && tls.pinnedPublicKeys === undefined && !spent.has(tls.session)) {
    spent.add(tls.session)
    return { session: Buffer.from(tls.session), certificate: undefined }
  }
  return resume ? sessions.take(key) : undefined
}

/** TLS over what is no socket of the operating system's: node's own ref() and unref() reach nothing. */
function followReferences(socket: TLSSocket, wire: Wire): void {
  socket.ref = () => {
    wire.ref()
    return socket
  }
  socket.unref = () => {
    wire.unref()
    return socket
  }
}
