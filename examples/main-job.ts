/**
 * The main job, end to end: axios, undici, Node's own fetch, got and our fetch send real requests through one pool to an HTTP/2
 * origin started here. Then each library runs as it is, with its own HTTP/2, and on ours, through what happens to connections
 * in real networks. `npm start`
 *
 * `npm start -- --http1` asks an HTTP/1.1-only origin as well. With a URL it does one GET of that URL through each of the
 * libraries instead: `npm start -- https://host/path`
 *
 * The exit status is 0 only when everything on ours came out right.
 */
import { parseArgs } from 'node:util'
import { Pool } from 'hyper-transport'
import { clientMakers, MODES } from './main-job/clients.ts'
import { libraries } from './main-job/libraries.ts'
import { startOrigins } from './main-job/origins.ts'
import { Report } from './main-job/report.ts'
import { type Outcome, scenarios } from './main-job/scenarios.ts'
import { type Fate, trials } from './main-job/trials.ts'

const report = new Report()
const { values, positionals } = parseArgs({ allowPositionals: true, options: { http1: { type: 'boolean' } } })
const url = positionals[0]
if (url === undefined) {
  await embedded(values.http1 === true)
  await compared()
} else {
  await one(url)
}
process.exitCode = report.finish()

async function embedded(http1: boolean): Promise<void> {
  const origins = await startOrigins()
  const pool = new Pool({ tls: { ca: origins.ca } })
  try {
    for (const origin of http1 ? [origins.h2, origins.h1] : [origins.h2]) {
      report.heading(`${origin.title}: ${origin.url}`, [...scenarios.map(({ name }) => name)])
      for (const library of libraries(pool)) {
        await report.library(
          library.name,
          scenarios.map((scenario) => () => scenario.run(library, origin)),
        )
      }
      report.connections(origin.title, origin.connections(), pool.stats())
    }
  } finally {
    await pool.close()
    origins.close()
  }
}

/** The same requests without us. */
async function compared(): Promise<void> {
  report.comparison(MODES)
  for (const trial of trials) {
    report.trial(trial)
    const all = Object.entries(clientMakers).map(([name, make]) => ({
      name,
      runs: MODES.map((mode) => (): Promise<Fate> => trial.run((ca) => make(mode, { ca }))),
    }))
    const waiting = trial.waits === true ? all.map(({ runs }) => Promise.all(runs.map((run) => run()))) : undefined
    for (const [i, { name, runs }] of all.entries()) report.fates(name, (await waiting?.[i]) ?? (await inTurn(runs)))
  }
}

async function inTurn(runs: readonly (() => Promise<Fate>)[]): Promise<Fate[]> {
  const fates: Fate[] = []
  for (const run of runs) fates.push(await run())
  return fates
}

async function one(target: string): Promise<void> {
  if (!URL.canParse(target)) {
    report.problem(`Not a URL: ${target}. Give one such as https://example.com/path`)
    return
  }
  const pool = new Pool()
  report.heading(target, ['GET'])
  try {
    for (const library of libraries(pool)) {
      const get = async (): Promise<Outcome> => {
        const { status, body, trailer } = await library.get(target)
        const protocol = pool.stats().origins[0]?.protocol ?? '-'
        return { status, protocol, bytes: body.length, trailer }
      }
      await report.library(library.name, [get])
    }
    report.connections('Pool', undefined, pool.stats())
  } finally {
    await pool.close()
  }
}
