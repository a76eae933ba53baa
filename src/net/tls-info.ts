/**
 * What TLS agreed on with a peer, in node:tls's own words and shapes.
 *
 * Rules
 * - What a handshake alone knows, and the peer's own certificate, are taken when it ends: a response is often looked at when its
 *   connection has gone. The chain behind the certificate is read when somebody asks, while the socket is open.
 * - A resumed session shows no certificate: the one of its first handshake is given instead.
 * - `getPeerX509Certificate()` is asked of a socket once at most, and last of all: on the client's side it takes the certificate
 *   out of what Node and OpenSSL remember, and whoever asks afterwards, by whichever method, gets another or none.
 */
import { X509Certificate } from 'node:crypto'
import type {
  CipherNameAndProtocol,
  DetailedPeerCertificate,
  EphemeralKeyInfo,
  PeerCertificate,
  TLSSocket,
} from 'node:tls'
import { INSPECT, inspected, type Seen } from '../seen.ts'
import type { TlsInfo } from './options.ts'

const NO_CIPHER: CipherNameAndProtocol = { name: 'none', standardName: 'none', version: 'none' }

export class PeerTls implements TlsInfo {
  readonly protocol: string | null
  readonly cipher: CipherNameAndProtocol
  readonly ephemeralKey: EphemeralKeyInfo | object | null
  readonly sessionReused: boolean
  readonly authorized: boolean
  readonly authorizationError: Error | undefined
  readonly alpnProtocol: string | false
  readonly servername: string | undefined
  /** The peer's own certificate, in Node's older shape. */
  readonly certificate: PeerCertificate | undefined
  private readonly socket: TLSSocket
  private detailed: DetailedPeerCertificate | undefined
  private x509: X509Certificate | undefined

  /** @param remembered the certificate that came with the session which was offered. */
  constructor(socket: TLSSocket, remembered: PeerCertificate | undefined) {
    const { servername, alpnProtocol, authorizationError } = socket
    // A mock tells of a handshake that there was none of: Node's answers, got from what OpenSSL has not made, can end the process.
    const spoken = Reflect.get(socket, 'secureConnecting') !== true
    this.protocol = spoken ? socket.getProtocol() : null
    this.cipher = spoken ? socket.getCipher() : NO_CIPHER
    this.ephemeralKey = spoken ? socket.getEphemeralKeyInfo() : null
    this.sessionReused = spoken && socket.isSessionReused()
    this.authorized = socket.authorized
    // Node has `null` where its types say Error, and a code where OpenSSL found the fault.
    this.authorizationError = authorizationError ?? undefined
    this.alpnProtocol = alpnProtocol ?? false
    this.servername = typeof servername === 'string' && servername !== '' ? servername : undefined
    this.certificate = this.sessionReused ? remembered : spoken ? given(socket.getPeerCertificate()) : undefined
    this.socket = socket
  }

  /** For logs: what was agreed. Node's socket behind it keeps the options that it was made with, which may have secrets. */
  toJSON(): object {
    const { protocol, cipher, sessionReused, authorized, authorizationError, alpnProtocol, servername } = this
    const why = authorizationError === undefined ? {} : { authorizationError: String(authorizationError) }
    return { protocol, cipher, sessionReused, authorized, ...why, alpnProtocol, servername }
  }

  /** For logs. */
  [INSPECT](...given: Seen): string {
    return inspected(this, ...given)
  }

  get peerX509Certificate(): X509Certificate | undefined {
    const { certificate, socket } = this
    if (certificate === undefined || this.x509 !== undefined) return this.x509
    this.getPeerCertificate(true)
    const shown = socket.destroyed ? undefined : socket.getPeerX509Certificate()
    this.x509 = shown?.raw.equals(certificate.raw) ? shown : new X509Certificate(certificate.raw)
    return this.x509
  }

  getPeerCertificate(detailed: true): DetailedPeerCertificate
  getPeerCertificate(detailed?: false): PeerCertificate
  getPeerCertificate(detailed?: boolean): PeerCertificate | DetailedPeerCertificate
  getPeerCertificate(detailed?: boolean): PeerCertificate | DetailedPeerCertificate {
    const { certificate, socket } = this
    // Node answers with an empty object where there is none.
    if (certificate === undefined) return {} as PeerCertificate
    if (detailed !== true) return certificate
    if (this.detailed === undefined && !socket.destroyed) {
      const chain: DetailedPeerCertificate | undefined = given(socket.getPeerCertificate(true))
      if (chain?.raw.equals(certificate.raw)) this.detailed = chain
    }
    return this.detailed ?? certificate
  }

  getCertificate(): PeerCertificate | object | null {
    return this.socket.getCertificate()
  }
}

/** Nothing is an empty object, and of a closed socket null. */
function given<Certificate extends PeerCertificate>(shown: Certificate | null): Certificate | undefined {
  return shown !== null && 'raw' in shown ? shown : undefined
}
