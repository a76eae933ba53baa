/** One measurement in one process: `node worker.ts JOB`. Its threads, or itself where it is one, send requests for some seconds. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { built } from '../built.ts'

export interface Job {
  /** Asked in turn; of several threads each has one. */
  readonly origins: readonly string[]
  /** Files of certificates, with `:` between them. */
  readonly ca: string
  readonly inFlight: number
  readonly seconds: number
  readonly threads: number
}

/** Milliseconds after which V8 has compiled what is hot; half of that still shows three times the CPU a request. */
const WARM_UP = 3000

export interface Scaled {
  /** Microseconds of the process a request, of all its threads. */
  readonly cpu: number
  readonly perSecond: number
}

/** Sends requests until the time is over. @returns how many were answered. */
async function send(job: Job): Promise<{ start: () => Promise<number>; close: () => Promise<void> }> {
  const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
  const pool = new Pool({
    tls: { ca: job.ca.split(':').map((file) => readFileSync(file, 'utf8')) },
    lookup: (_host, options, callback) => {
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
      else callback(null, '127.0.0.1', 4)
    },
  })
  const flight = (inFlight: number, more: (begun: number) => boolean): Promise<number> =>
    new Promise((resolve, reject) => {
      let [begun, open, done] = [0, 0, 0]
      const next = (): void => {
        while (open < inFlight && more(begun)) {
          open++
          const origin = job.origins[begun++ % job.origins.length]
          pool.dispatch(
            { origin, method: 'GET', path: '/small', headers: ['user-agent', 'bench'] },
            {
              onHeaders: () => {},
              onData: () => {},
              onEnd: () => {
                open--
                done++
                next()
              },
              onError: reject,
            },
          )
        }
        if (open === 0) resolve(done)
      }
      next()
    })
  // Connections are there, and the code is compiled, before anything counts.
  const warm = performance.now() + WARM_UP
  await flight(Math.min(100, job.inFlight), (begun) => begun < job.origins.length || performance.now() < warm)
  return {
    start: () => {
      const until = performance.now() + job.seconds * 1000
      return flight(job.inFlight, () => performance.now() < until)
    },
    close: () => pool.destroy(),
  }
}

if (!isMainThread) {
  const { start, close } = await send(workerData as Job)
  parentPort?.postMessage('ready')
  if (parentPort !== null) await once(parentPort, 'message')
  parentPort?.postMessage(await start())
  await close()
} else {
  const job = JSON.parse(process.argv[2]) as Job
  const starts: (() => Promise<number>)[] = []
  if (job.threads === 1) {
    starts.push((await send(job)).start)
  } else {
    for (const origin of job.origins) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { ...job, origins: [origin] } })
      await once(worker, 'message')
      starts.push(async () => {
        worker.postMessage('go')
        const [count] = await once(worker, 'message')
        return Number(count)
      })
    }
  }
  const [before, began] = [process.cpuUsage(), performance.now()]
  const counts = await Promise.all(starts.map((start) => start()))
  const { user, system } = process.cpuUsage(before)
  const requests = counts.reduce((sum, count) => sum + count, 0)
  const result: Scaled = {
    cpu: (user + system) / requests,
    perSecond: (requests / (performance.now() - began)) * 1000,
  }
  process.send?.(result)
}
