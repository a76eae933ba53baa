/** --ping: round trips by PING frames, as ping(8) prints them. */
import type { HTTPConnection } from '../client/http-connection.ts'
import { performanceNow } from '../clock.ts'
import { sleep } from './rate.ts'
import type { Sink } from './sink.ts'
import { deviation, mean } from './statistics.ts'

/** Milliseconds between them. */
const INTERVAL = 1000

/** @throws {NotSupportedError} over HTTP/1.1; what connecting throws. */
export async function ping(
  connection: HTTPConnection,
  times: number,
  sink: Sink,
  signal: AbortSignal,
  interval = INTERVAL,
): Promise<void> {
  const { remoteAddress = 'a socket' } = await connection.connect()
  const { origin } = connection
  const taken: number[] = []
  const start = performanceNow()
  await sink.write(`PING ${origin} (${remoteAddress}): 8 octets of data over HTTP/2\n`)
  let sent = 0
  try {
    for (; sent < times; ) {
      if (sent > 0) await sleep(interval, signal)
      signal.throwIfAborted()
      sent++
      const time = await connection.ping()
      taken.push(time)
      await sink.write(`8 octets from ${remoteAddress}: seq=${sent} time=${time.toFixed(3)} ms\n`)
    }
  } finally {
    const lost = Math.round(((sent - taken.length) / Math.max(sent, 1)) * 100)
    const whole = Math.round(performanceNow() - start)
    await sink.write(
      `\n--- ${origin} ping statistics ---\n${sent} sent, ${taken.length} answered, ${lost}% lost, time ${whole} ms\n`,
    )
    if (taken.length > 0) {
      const numbers = [Math.min(...taken), mean(taken), Math.max(...taken), deviation(taken)]
      await sink.write(`rtt min/avg/max/mdev = ${numbers.map((one) => one.toFixed(3)).join('/')} ms\n`)
    }
  }
}
