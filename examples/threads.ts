/**
 * Worker threads, each with a connection of its own. One connection serves any number of callers of one thread; threads
 * are for work on what arrives. `node examples/threads.ts`
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { HTTPConnection } from 'hyper-transport'
import { startServer } from './support/server.ts'

interface Task {
  readonly origin: string
  readonly ca: string
  readonly paths: readonly string[]
}

if (isMainThread) await main()
else await work(workerData)

async function main(): Promise<void> {
  const THREADS = 3
  await using server = await startServer((request, response) => {
    response.end(`the document ${request.url} `.repeat(1000))
  })
  const paths = Array.from({ length: 60 }, (_, index) => `/${index}`)
  const results = await Promise.all(
    Array.from({ length: THREADS }, (_, thread) => {
      const own = paths.filter((_path, index) => index % THREADS === thread)
      return run({ origin: server.origin, ca: server.ca, paths: own })
    }),
  )
  for (const [thread, hashes] of results.entries()) {
    console.log(`thread ${thread}: ${hashes.length} documents, the first is ${hashes[0].slice(0, 12)}`)
  }
  console.log(`${server.connections} connections for ${THREADS} threads`)
  assert.equal(new Set(results.flat()).size, paths.length)
  assert.equal(server.connections, THREADS)
}

function run(task: Task): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

/** In a thread: many requests at once over this thread's connection, and some work on each. */
async function work({ origin, ca, paths }: Task): Promise<void> {
  await using connection = new HTTPConnection(origin, { tls: { ca } })
  const hashes = await Promise.all(
    paths.map(async (path) => {
      const response = await connection.roundTrip('GET', path)
      return createHash('sha256')
        .update(await response.bytes())
        .digest('hex')
    }),
  )
  parentPort?.postMessage(hashes)
}
