/**
 * `Upgrade: h2c` (RFC 7540 section 3.2): asks a server without TLS whether it speaks HTTP/2.
 *
 * The question is an `OPTIONS` of our own (not `OPTIONS *`, which some servers answer before they look at the upgrade): it
 * changes nothing and has no body, so no request of the
 * caller's is ever sent twice, whatever the answer; on 101 its response comes on stream 1 and is dropped. A server that
 * does not know h2c is spoken to by HTTP/1.1 on another connection: what it sent here is nobody's answer.
 */
import { ConnectError, type HyperError, toError } from '../errors.ts'
import { MAX_HTTP1_HEAD } from '../limits.ts'
import type { Wire } from '../net/link.ts'
import type { Origin } from '../net/origin.ts'
import { deadline } from '../net/timer.ts'

/** @param octets what came after the head of 101; null when the server stays with HTTP/1.1. */
export type UpgradeCallback = (error: HyperError | null, octets: Buffer | null) => void

/** The request of the upgrade, for the stream that answers it. */
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
  let head = ''
  const stopTimer = deadline(timeout, () => fail(`no answer within ${timeout} ms`))
  const finish = (error: HyperError | null, octets: Buffer | null): void => {
    stopTimer()
    socket.off('data', onData)
    socket.off('close', onClose)
    if (error !== null) socket.destroy()
    callback(error, octets)
  }
  const fail = (why: string, cause?: unknown): void => {
    const message = `Cannot connect to ${origin.href}: the upgrade to h2c failed: ${why}`
    finish(new ConnectError(message, { phase: 'preface', origin: origin.href, cause }), null)
  }
  const onClose = (): void => fail('the server closed the connection')
  const onData = (chunk: Buffer): void => {
    head += chunk.toString('latin1')
    for (;;) {
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) {
        if (head.length > MAX_HTTP1_HEAD) fail('the head of the answer is too long')
        return
      }
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]
      if (status === undefined) {
        fail('the answer is not HTTP')
        return
      }
      const rest = head.slice(end + 4)
      if (status === '101') {
        const upgrade = /^upgrade:[ \t]*(.*?)[ \t]*$/im.exec(head.slice(0, end))?.[1]
        if (upgrade?.toLowerCase() === 'h2c') finish(null, Buffer.from(rest, 'latin1'))
        else fail(`the server upgrades to ${JSON.stringify(upgrade ?? '')}`)
        return
      }
      if (status[0] !== '1') {
        finish(null, null)
        return
      }
      head = rest
    }
  }
  socket.on('data', onData)
  socket.on('close', onClose)
  try {
    socket.write(
      `${UPGRADE_METHOD} / HTTP/1.1\r\nHost: ${origin.authority}\r\nConnection: Upgrade, HTTP2-Settings\r\n` +
        `Upgrade: h2c\r\nHTTP2-Settings: ${settings}\r\n\r\n`,
      'latin1',
    )
  } catch (thrown) {
    fail(toError(thrown).message, thrown)
  }
}
