/** One client in one process: `node bench/worker.ts CLIENT ORIGIN CA-FILE`, then a turn a message. */
import { readFileSync } from 'node:fs'
import { clients } from './clients/index.ts'
import { Meter, type Result, type Turn } from './contract.ts'
import { matrixClient } from './matrix/clients.ts'

const [name, origin, caFile] = process.argv.slice(2)
const make = clients[name] ?? matrixClient(name)
if (make === undefined) throw new Error(`no client ${name}: ${Object.keys(clients).join(', ')}`)
const client = await make(origin, readFileSync(caFile, 'utf8'))

async function play(turn: Turn): Promise<Result> {
  const meter = new Meter(turn.seconds)
  const start = performance.now()
  const before = process.cpuUsage()
  await client.run(turn, meter)
  const used = process.cpuUsage(before)
  return {
    requests: meter.requests,
    errors: meter.errors,
    firstError: meter.firstError,
    seconds: (performance.now() - start) / 1000,
    cpu: (used.user + used.system) / Math.max(1, meter.requests),
    p50: meter.percentile(0.5),
    p99: meter.percentile(0.99),
    memory: process.resourceUsage().maxRSS * 1024,
  }
}

process.on('message', (turn: Turn | 'end') => {
  if (turn === 'end') {
    void Promise.resolve(client.close()).finally(() => process.exit(0))
    return
  }
  play(turn).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.send?.('ready')
