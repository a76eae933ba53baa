/**
 * `Upgrade: h2c` (RFC 7540 section 3.2): asks a server without TLS whether it speaks HTTP/2.
 *
 * The upgrade is requested by an `OPTIONS` request of our own (not `OPTIONS *`, to which some servers respond before they look
 * at the upgrade). It is safe and has no body, so no request of the caller's is ever sent twice. After 101 its response comes
 * on stream 1 and is dropped. If the server does not know h2c, this connection is closed, the response is dropped, and requests
 * go over HTTP/1.1 on another connection.
 */
import { ConnectError, type HyperError, toError } from '../errors.ts'
import { faultOf } from '../h1/faults.ts'
import { H1ClientConnection, type H1ClientListener, type H1ResponseHead } from '../h1/index.ts'
import { getField } from '../headers/fields.ts'
import type { Wire } from '../net/link.ts'
import type { Origin } from '../net/origin.ts'
import { deadline } from '../net/timer.ts'

/** @param octets what came after the head of 101; null when the server stays with HTTP/1.1. */
export type UpgradeCallback = (error: HyperError | null, octets: Buffer | null) => void

/** The method of the upgrade's request, for stream 1. */
export const UPGRADE_METHOD = 'OPTIONS'

/**
 * Sends the question and reads the head of the answer. The callback is called once, and must take over the socket at
 * once; it is destroyed when there is an error.
 * @param settings our SETTINGS as `HTTP2-Settings` says them.
 * @param timeout milliseconds, 0 = for ever.
 */
export function askForH2c(
  origin: Origin,
  socket: Wire,
  settings: string,
  timeout: number,
  callback: UpgradeCallback,
): void {
  new Question(origin, socket, timeout, callback).ask(settings)
}

class Question implements H1ClientListener {
  private readonly origin: Origin
  private readonly socket: Wire
  private readonly callback: UpgradeCallback
  private readonly stopTimer: () => void
  private readonly h1 = new H1ClientConnection(this)
  private over = false

  constructor(origin: Origin, socket: Wire, timeout: number, callback: UpgradeCallback) {
    this.origin = origin
    this.socket = socket
    this.callback = callback
    this.stopTimer = deadline(timeout, () => this.fail(`no answer within ${timeout} ms`))
    socket.on('data', this.onOctets)
    socket.on('close', this.onClose)
  }

  ask(settings: string): void {
    const fields = ['Host', this.origin.authority, 'Connection', 'Upgrade, HTTP2-Settings', 'Upgrade', 'h2c']
    fields.push('HTTP2-Settings', settings)
    try {
      this.socket.write(this.h1.request({ method: UPGRADE_METHOD, target: '/', fields, bodyLength: 0 }), 'latin1')
    } catch (thrown) {
      this.fail(toError(thrown).message, thrown)
    }
  }

  private finish(error: HyperError | null, octets: Buffer | null): void {
    this.over = true
    this.stopTimer()
    this.socket.off('data', this.onOctets)
    this.socket.off('close', this.onClose)
    if (error !== null) this.socket.destroy()
    this.callback(error, octets)
  }

  private fail(why: string, cause?: unknown): void {
    const { href } = this.origin
    const message = `Cannot connect to ${href}: the upgrade to h2c failed: ${why}`
    this.finish(new ConnectError(message, { phase: 'preface', origin: href, cause }), null)
  }

  private readonly onOctets = (octets: Buffer): void => this.h1.receive(octets)
  private readonly onClose = (): void => this.fail('the server closed the connection')

  onInformational(): void {}

  onUpgraded({ fields }: H1ResponseHead, rest: Buffer): void {
    const upgrade = getField(fields, 'upgrade') ?? ''
    if (upgrade.toLowerCase() === 'h2c') this.finish(null, rest)
    else this.fail(`the server upgrades to ${JSON.stringify(upgrade)}`)
  }

  onHeaders(): void {
    this.finish(null, null)
  }

  onFailed(error: HyperError): void {
    // After the final response errors do not matter: the connection is not used any more.
    if (!this.over) this.fail(`the answer is not HTTP/1.1: ${faultOf(error)}`)
  }

  onData(): void {}
  onEnd(): void {}
}
