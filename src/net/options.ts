/** What the connect chain takes and gives: the options that lead to a connection, and what is known of one. */
import type { FieldsInit } from '../headers/fields.ts'

/** A certificate, key or the like: PEM text, or bytes; or several. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/** TLS options, in node:tls's names. Weaker ones work and warn once. */
export interface TlsOptions {
  /** Certificates of the authorities to trust. Default: those that Node trusts. */
  readonly ca?: Pem | undefined
  /** The client certificate, its chain after it. Needs `key`. Default: none. */
  readonly cert?: Pem | undefined
  /** The private key of `cert`. */
  readonly key?: Pem | undefined
  /** Certificate and key in one PKCS #12 archive, instead of `cert` and `key`. */
  readonly pfx?: Pem | undefined
  /** Decrypts `key` or `pfx`. */
  readonly passphrase?: string | undefined
  /** Name for SNI and for verification. Default: the host of the origin. */
  readonly servername?: string | undefined
  /** Default true. `false` turns verification off, and warns once. */
  readonly rejectUnauthorized?: boolean | undefined
  /**
   * Replaces the check of the certificate's name, as in node:tls: returns an error to refuse the server. Default:
   * `tls.checkServerIdentity`.
   */
  readonly checkServerIdentity?: typeof import('node:tls').checkServerIdentity | undefined
  /** Cipher suites, in OpenSSL's format. Default: Node's. */
  readonly ciphers?: string | undefined
  /** Groups for the key exchange, in OpenSSL's format. Default: Node's. */
  readonly ecdhCurve?: string | undefined
  /** Signature algorithms, in OpenSSL's format. Default: OpenSSL's. */
  readonly sigalgs?: string | undefined
  /** Certificate revocation lists. Default: none, so revocation is not checked. */
  readonly crl?: Pem | undefined
  /** Parameters for DHE, in PEM, or `auto`, as in node:tls. */
  readonly dhparam?: string | Uint8Array | undefined
  /** Default `TLSv1.2` (RFC 9113 section 9.2). */
  readonly minVersion?: import('node:tls').SecureVersion | undefined
  /** Default: Node's, `TLSv1.3`. */
  readonly maxVersion?: import('node:tls').SecureVersion | undefined
  /** OpenSSL's name of a protocol, for example `TLSv1_2_method`; instead of `minVersion` and `maxVersion`. */
  readonly secureProtocol?: string | undefined
  /** OpenSSL's options, by `crypto.constants.SSL_OP_*`. */
  readonly secureOptions?: number | undefined
  /** Certificates of `ca` are trusted as they are, be they of an intermediate. */
  readonly allowPartialTrustChain?: boolean | undefined
  /** A key that both sides have, in the place of certificates. */
  readonly pskCallback?: import('node:tls').ConnectionOptions['pskCallback'] | undefined
  /** Bits of the smallest DH group that is accepted. Default: Node's, 1024. */
  readonly minDHSize?: number | undefined
  /** Node writes what the handshake says to stderr. */
  readonly enableTrace?: boolean | undefined
  /** In the place of identity, trust and parameters all: `createTlsContext` or `tls.createSecureContext`. */
  readonly secureContext?: import('node:tls').SecureContext | undefined
  /** A session to resume, once. Without it sessions are remembered and resumed by themselves; `resume: false` turns that off. */
  readonly session?: Uint8Array | undefined
  /** Resume TLS sessions with peers met before (default true): saves a signature and, with TLS 1.2, a round trip. */
  readonly resume?: boolean | undefined
  /**
   * The peer's public key must be one of these: base64 of the SHA-256 of its SubjectPublicKeyInfo, `sha256/` before it or not
   * (RFC 7469 section 2.4). Checked beside, never instead of, the certificate.
   */
  readonly pinnedPublicKeys?: readonly string[] | undefined
  /**
   * Writes the session's secrets so that a capture can be read: `true` to the file that `SSLKEYLOGFILE` names, a function
   * gets each line. Default: never, whatever the environment says. Warns once.
   */
  readonly keyLog?: boolean | ((line: Buffer) => void) | undefined
}

/** A proxy and how to speak to it. */
export interface ProxyOptions {
  /**
   * `http:`, `https:`, `socks5:` and `socks4:` (names are resolved here), `socks5h:`, `socks:` and `socks4a:` (names are
   * resolved by the proxy); user and password may stand in it.
   */
  readonly url: string | URL
  /** Fields for the proxy alone: with CONNECT, or with each request in absolute form. */
  readonly headers?: FieldsInit | undefined
  /** TLS to an `https:` proxy; what is within the tunnel has the request's own `tls`. */
  readonly tls?: TlsOptions | undefined
  /** Tunnel `http:` origins too (CONNECT). Default false: they are asked for in absolute form (RFC 9112 section 3.2.2). */
  readonly tunnel?: boolean | undefined
}

/** What changes the identity of the peer or the route to it: all of it is part of the pool's key. */
export interface ConnectOptions {
  /** TLS options. Default: the server is verified, TLS 1.2 at least. */
  readonly tls?: TlsOptions | undefined
  /** Path of a unix domain socket to connect to instead of host and port. */
  readonly socketPath?: string | undefined
  /** The local IP address to connect from. Default: the system chooses. */
  readonly localAddress?: string | undefined
  /** 4 or 6; default 0: both, raced. */
  readonly family?: 0 | 4 | 6 | undefined
  /** Replaces dns.lookup. */
  readonly lookup?: import('node:net').LookupFunction | undefined
  /** `false`: HTTP/1.1 only. Default true: what ALPN gives. */
  readonly allowH2?: boolean | undefined
  /**
   * `false`: HTTP/2 only. A server of https that does not choose it fails the connection; one of http is taken to speak it
   * (`h2c: 'prior-knowledge'`). Default true.
   */
  readonly allowH1?: boolean | undefined
  /**
   * HTTP/2 without TLS for `http:` origins: `'prior-knowledge'` (RFC 9113 section 3.3), or `'upgrade'`, which asks by
   * `Upgrade: h2c` (RFC 7540 section 3.2) and stays with HTTP/1.1 when the server does not know it. Default: HTTP/1.1.
   */
  readonly h2c?: 'prior-knowledge' | 'upgrade' | undefined
  /**
   * A proxy: its URL, or more about it. `'env'`: what `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
   * `false`: none, whatever the pool says. Default: none; the environment counts only when asked for.
   */
  readonly proxy?: string | URL | ProxyOptions | false | undefined
}

/** Times of the connect phases: milliseconds since the epoch, `undefined` where a phase did not happen. */
export interface ConnectTimings {
  /** Making the connection began. */
  start: number
  /** The addresses were known. */
  lookup: number | undefined
  /** TCP was connected, to the origin or its proxy. */
  connect: number | undefined
  /** The way through the proxy was open. */
  proxy: number | undefined
  /** The TLS handshake with the origin was complete. */
  secureConnect: number | undefined
}

/** TLS with a peer: version, cipher, key exchange and certificates, as node:tls tells them of a socket; also when it is closed. */
export interface TlsInfo {
  /** For example `TLSv1.3`. */
  readonly protocol: string | null
  /** The cipher suite, by its names in OpenSSL and in the standard. */
  readonly cipher: import('node:tls').CipherNameAndProtocol
  /** How keys were exchanged, for example `{ type: 'ECDH', name: 'X25519', size: 253 }`; empty where OpenSSL does not say. */
  readonly ephemeralKey: import('node:tls').EphemeralKeyInfo | object | null
  /** A session was resumed. */
  readonly sessionReused: boolean
  /** Whether the certificate was verified. */
  readonly authorized: boolean
  /** Why not. */
  readonly authorizationError: Error | undefined
  /** What ALPN chose; false: nothing. */
  readonly alpnProtocol: string | false
  /** The name that was asked for (SNI). */
  readonly servername: string | undefined
  /** The peer's own certificate; its chain goes on by `issuerCertificate`. */
  readonly peerX509Certificate: import('node:crypto').X509Certificate | undefined
  /** The peer's certificate in Node's older shape, empty when it has none. With `detailed`: its whole chain. */
  getPeerCertificate(detailed: true): import('node:tls').DetailedPeerCertificate
  getPeerCertificate(detailed?: false): import('node:tls').PeerCertificate
  getPeerCertificate(
    detailed?: boolean,
  ): import('node:tls').PeerCertificate | import('node:tls').DetailedPeerCertificate
  /** The certificate that was shown to the peer: empty for none, null when the connection is closed. */
  getCertificate(): import('node:tls').PeerCertificate | object | null
}

/** The connection that carries an exchange. */
export interface ConnectionInfo {
  /** What ALPN, or prior knowledge, has chosen. */
  readonly protocol: 'h2' | 'http/1.1'
  /** Whether it uses TLS. */
  readonly encrypted: boolean
  /** Whether the server's certificate was verified. False without TLS. */
  readonly authorized: boolean
  /** The IP address of the peer: the origin, or its proxy. `undefined` for a unix domain socket. */
  readonly remoteAddress: string | undefined
  /** The port of the same peer. */
  readonly remotePort: number | undefined
  /** `IPv4` or `IPv6`. */
  readonly remoteFamily: string | undefined
  /** Our IP address. */
  readonly localAddress: string | undefined
  /** Our port. */
  readonly localPort: number | undefined
  /** The name that TLS asked for (SNI); `undefined` without one. */
  readonly servername: string | undefined
  /** The proxy on the way, `scheme://host:port`, without its credentials. */
  readonly proxy: string | undefined
  /** A TLS session was resumed. */
  readonly resumed: boolean
  /** What TLS agreed on with the origin; `undefined` without TLS. */
  readonly tls: TlsInfo | undefined
  /** When the steps of making the connection were complete. */
  readonly timings: Readonly<ConnectTimings>
}

/** Times in milliseconds, 0 for no limit. */
export interface ConnectorSettings {
  /** All of a dial. Default 10,000 (`CONNECT_TIMEOUT`). */
  readonly connectTimeout?: number | undefined
  /** A lookup. Default 0: only `connectTimeout` counts; so for the next three. */
  readonly lookupTimeout?: number | undefined
  /** All attempts to connect by TCP together. */
  readonly tcpTimeout?: number | undefined
  /** A TLS handshake. */
  readonly tlsTimeout?: number | undefined
  /** The answer of a proxy that is connected to. */
  readonly proxyTimeout?: number | undefined
  /** How long an answer of the system's resolver is kept; 0 = not at all. Default 10,000 (`DNS_CACHE_TIME`). */
  readonly dnsCacheTime?: number | undefined
}
