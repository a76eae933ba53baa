/** Entries for `performance.getEntriesByType('resource')` and its observers, as Node's fetch makes them (Resource Timing, 4.5). */
import { markResourceTiming, performanceNow } from '../../src/clock.ts'

/** The last response of a fetch has ended. @param octets of its body, as received. */
export function reportTiming(url: string, started: number, redirected: boolean, status: number, octets: number): void {
  const timing = {
    startTime: started,
    redirectStartTime: redirected ? started : 0,
    redirectEndTime: 0,
    postRedirectStartTime: started,
    finalServiceWorkerStartTime: 0,
    finalNetworkResponseStartTime: 0,
    finalNetworkRequestStartTime: 0,
    endTime: performanceNow(),
    encodedBodySize: octets,
    decodedBodySize: octets,
    finalConnectionTimingInfo: null,
  }
  const body = { encodedSize: octets, decodedSize: octets, contentType: '' }
  markResourceTiming(timing, url, 'fetch', globalThis, '', body, status)
}
