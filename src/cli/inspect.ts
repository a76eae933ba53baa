/** --tls and --settings: what a connection is made of, in words. */
import type { X509Certificate } from 'node:crypto'
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { dateNow } from '../clock.ts'
import { Setting } from '../frame/codes.ts'
import type { ConnectionInfo, TlsInfo } from '../net/options.ts'
import type { FrameMessage } from '../session/frame-message.ts'

/** Milliseconds of a day. */
const DAY = 86_400_000

/** Certificates of a chain that are shown: a server may send them in a circle. */
const MAX_CHAIN = 10

/** What TLS agreed on, and the certificates. */
export function describeTls(info: ConnectionInfo | undefined): string[] {
  const tls = info?.tls
  if (info === undefined || tls === undefined) return ['TLS: none']
  const { protocol, cipher, servername, authorized, authorizationError, sessionReused, alpnProtocol } = tls
  return [
    row('TLS version', protocol ?? 'unknown'),
    row('Cipher', cipher.standardName ?? cipher.name),
    row('Key exchange', keyExchange(tls)),
    row('ALPN', alpnProtocol === false ? 'nothing chosen' : alpnProtocol),
    row('Server name', servername ?? 'none'),
    row('Verified', authorized ? 'yes' : `no (${authorizationError?.message ?? 'not asked for'})`),
    row('Resumed', sessionReused ? 'yes' : 'no'),
    ...chain(tls).flatMap((certificate, i) => describeCertificate(certificate, i)),
  ]
}

function keyExchange({ ephemeralKey }: TlsInfo): string {
  const { type, name, size }: { type?: unknown; name?: unknown; size?: unknown } = ephemeralKey ?? {}
  const parts = [type, name].filter((part) => typeof part === 'string')
  // OpenSSL has no words for the hybrid groups.
  return parts.length === 0 ? 'unknown' : `${parts.join(' ')}${typeof size === 'number' ? `, ${size} bits` : ''}`
}

function chain({ peerX509Certificate: leaf }: TlsInfo): X509Certificate[] {
  const all: X509Certificate[] = []
  for (let one = leaf; one !== undefined && all.length < MAX_CHAIN; one = one.issuerCertificate) {
    if (all.some(({ fingerprint256 }) => fingerprint256 === one?.fingerprint256)) break
    all.push(one)
  }
  return all
}

function describeCertificate(certificate: X509Certificate, place: number): string[] {
  const { subject, issuer, subjectAltName, validTo, fingerprint256 } = certificate
  const days = Math.floor((new Date(validTo).getTime() - dateNow()) / DAY)
  const left = days < 0 ? `${-days} days ago` : `${days} days left`
  const details = certificate.publicKey.asymmetricKeyDetails ?? {}
  const size = details.modulusLength === undefined ? (details.namedCurve ?? '') : `${details.modulusLength} bits`
  return [
    `Certificate ${place}`,
    row('  Subject', oneLine(subject)),
    ...(subjectAltName === undefined ? [] : [row('  Names', subjectAltName)]),
    row('  Issuer', oneLine(issuer)),
    row('  Valid until', `${new Date(validTo).toISOString().slice(0, 10)} (${left})`),
    row('  Key', `${certificate.publicKey.asymmetricKeyType ?? 'unknown'} ${size}`.trim()),
    row('  SHA-256', fingerprint256),
  ]
}

function oneLine(name: string | undefined): string {
  return (name ?? '').trim().replaceAll('\n', ', ')
}

function row(name: string, value: string): string {
  return `${`${name}:`.padEnd(16)} ${value}`
}

/** What each setting means (RFC 9113 section 6.5.2, RFC 8441, RFC 9218). */
const MEANING: Readonly<Record<keyof typeof Setting, (value: number) => string>> = {
  HEADER_TABLE_SIZE: (value) => `HPACK may keep ${value} octets of our fields`,
  ENABLE_PUSH: (value) => (value === 0 ? 'no push' : 'push'),
  MAX_CONCURRENT_STREAMS: (value) => `${value} requests at once`,
  INITIAL_WINDOW_SIZE: (value) => `${value} octets of a body may be on their way to it`,
  MAX_FRAME_SIZE: (value) => `frames of ours up to ${value} octets`,
  MAX_HEADER_LIST_SIZE: (value) => `header sections of ours up to ${value} octets`,
  ENABLE_CONNECT_PROTOCOL: (value) => (value === 1 ? 'WebSockets over HTTP/2' : 'no WebSockets over HTTP/2'),
  NO_RFC7540_PRIORITIES: (value) =>
    value === 1 ? 'priorities as in RFC 9218 alone' : 'priorities as in RFC 7540, too',
}

/** By the identifiers of the wire. */
const SETTINGS = new Map(
  Object.keys(Setting)
    .filter((name): name is keyof typeof Setting => Object.hasOwn(Setting, name))
    .map((name) => [Setting[name] as number, { name, meaning: MEANING[name] }]),
)

/** Keeps the SETTINGS that servers send. */
export class SettingsWatch {
  private readonly seen: string[] = []
  private readonly listener: ChannelListener = (message) => {
    const { origin, direction, frame } = message as FrameMessage
    if (direction !== 'received' || frame?.type !== 'SETTINGS' || frame.ack) return
    this.seen.push(`SETTINGS of ${origin}`)
    if (frame.settings.length === 0) this.seen.push('  none: all as in RFC 9113')
    for (const [id, value] of frame.settings) {
      const { name, meaning } = SETTINGS.get(id) ?? { name: `0x${id.toString(16)}`, meaning: undefined }
      this.seen.push(`  ${name.padEnd(24)} ${String(value).padStart(10)}  ${meaning?.(value) ?? 'unknown'}`)
    }
  }

  constructor() {
    subscribe('hyper:connection:frame', this.listener)
  }

  /** Listens no more. @returns lines. */
  stop(): string[] {
    unsubscribe('hyper:connection:frame', this.listener)
    return this.seen.length === 0 ? ['SETTINGS: none came'] : this.seen
  }
}
