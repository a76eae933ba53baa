/** What to try after a failure: said behind the error, where it can be known. */
import { ConnectError, ConnectionLostError, ProtocolError, TimeoutError } from '../errors.ts'
import { speaksNoTls } from './probe.ts'

/** Certificates that no trusted authority has signed. */
const UNTRUSTED: ReadonlySet<string | undefined> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

const BY_CODE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host is known: is it spelt right?',
  EAI_AGAIN: 'no name server answers: is there a network?',
  ECONNREFUSED: 'nothing listens on that port',
  CERT_HAS_EXPIRED: 'the certificate has expired; --verify no accepts it',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet: is the clock right? --verify no accepts it',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host; --verify no accepts it',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
    'the server does not speak what was asked for: try without --h2 or --http1.1',
}

/** @returns undefined when nothing is known that would help. */
export function hintFor(error: unknown): string | undefined {
  if (error instanceof ConnectError || error instanceof TimeoutError) return ofConnecting(error)
  const { origin = '' } = Object(error)
  if (typeof origin !== 'string' || !origin.startsWith('http:')) return undefined
  if (error instanceof ProtocolError) {
    if (error.speaks === 'http/1.1') return 'no HTTP/2 there: HTTP/1.1 answers, so try without --h2'
    if (error.speaks === 'tls') return `TLS is spoken there: try ${origin.replace(/^http:/, 'https:')}`
    if (error.speaks === 'h2') return 'HTTP/2 is spoken there: try --h2'
  }
  if (error instanceof ConnectionLostError) {
    return `if TLS is spoken there, try ${origin.replace(/^http:/, 'https:')}; if HTTP/2, --h2`
  }
  return undefined
}

function ofConnecting(error: ConnectError | TimeoutError): string | undefined {
  const { origin = '' } = error
  if (speaksNoTls(error) && origin.startsWith('https:'))
    return `no TLS there: try ${origin.replace(/^https:/, 'http:')}`
  if (error instanceof TimeoutError) return undefined
  if (error.phase === 'preface') return 'no HTTP/2 there: try without --h2'
  const code = error.systemCode ?? ''
  if (UNTRUSTED.has(code)) {
    return 'the certificate is not signed by a trusted authority: --verify FILE names one, --verify no accepts any certificate'
  }
  return Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined
}

/** The message in one line, without the places in OpenSSL's sources, which help nobody. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/[\dA-F]+:error:[\dA-F]*:[^:]*:[^:]*:([^:]*):[^\n]*/g, 'TLS: $1').trim()
}
