/**
 * The main job, end to end: axios, undici, Node's own fetch, got and our fetch send real requests through one pool, to
 * an HTTP/2 origin and to an HTTP/1.1-only one, both started here. `npm start`
 *
 * With a URL it does one GET of that URL through each of them instead: `npm start -- https://host/path`
 *
 * The exit status is 0 only when everything came out right.
 */
import { Pool } from 'hyper-transport'
import { libraries } from './main-job/libraries.ts'
import { startOrigins } from './main-job/origins.ts'
import { Report } from './main-job/report.ts'
import { type Outcome, scenarios } from './main-job/scenarios.ts'

const report = new Report()
const url = process.argv[2]
if (url === undefined) await embedded()
else await one(url)
process.exitCode = report.finish()

async function embedded(): Promise<void> {
  const origins = await startOrigins()
  const pool = new Pool({ tls: { ca: origins.ca } })
  try {
    for (const origin of [origins.h2, origins.h1]) {
      report.heading(`${origin.title}: ${origin.url}`)
      for (const library of libraries(pool)) {
        for (const scenario of scenarios) {
          await report.row(library.name, scenario.name, () => scenario.run(library, origin))
        }
      }
      report.connections(origin.title, origin.connections(), pool.stats())
    }
  } finally {
    await pool.close()
    origins.close()
  }
}

async function one(target: string): Promise<void> {
  if (!URL.canParse(target)) {
    report.problem(`Not a URL: ${target}. Give one like https://example.com/path`)
    return
  }
  const pool = new Pool()
  report.heading(target)
  try {
    for (const library of libraries(pool)) {
      await report.row(library.name, 'GET', async (): Promise<Outcome> => {
        const { status, body, trailer } = await library.get(target)
        const protocol = pool.stats().origins[0]?.protocol ?? '-'
        return { status, protocol, bytes: body.length, trailer }
      })
    }
    report.connections('Pool', undefined, pool.stats())
  } finally {
    await pool.close()
  }
}
