/** One download by one client in one process: `node download.ts CLIENT ORIGIN PATH OCTETS`, CA on the environment. Says the seconds it took. */
import { lifecycleClients } from './clients.ts'

const [name, origin, path, octets] = process.argv.slice(2)
const client = await lifecycleClients[name](process.env['BENCH_CA'] ?? '')
// The connection is made beforehand: it is the same for all.
await client.get(origin, '/small')
const start = performance.now()
const received = await client.get(origin, path)
if (received !== Number(octets)) throw new Error(`${received} octets`)
process.send?.({ seconds: (performance.now() - start) / 1000 })
await client.close()
process.exit(0)
