/** Each library in each of its versions, by `probe.ts` on some runtime, against origins of both protocols. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Routes, startH1Origin, startH2Origin } from '../support/origin.ts'
import { startH1Greeter, startH2Greeter } from './greeters.ts'

const run = promisify(execFile)

/** Library, the name that it is installed by, and what the table calls it. */
export const LIBRARIES: readonly (readonly [string, string, string])[] = [
  ['undici', 'undici6', 'undici 6'],
  ['undici', 'undici7', 'undici 7'],
  ['undici', 'undici', 'undici 8'],
  ['node', '', "Node's fetch"],
  ['axios', 'axios17', 'axios 1.7'],
  ['axios', 'axios', 'axios 1'],
  ['got', 'got14', 'got 14'],
  ['got', 'got15', 'got 15'],
  ['got', 'got', 'got 16'],
  ['fetch', '', 'our fetch'],
  ['agent', '', 'our agent, with node:https'],
  ['client', '', 'HTTPConnection'],
]

const flaky = new Set<string>()
const routes: Routes = {
  '/never': () => {},
  '/redirect': (_call, answer) => {
    answer.head(302, { location: '/arrived' })
    answer.end()
  },
  '/events': (_call, answer) => {
    answer.head(200, { 'content-type': 'text/event-stream' })
    answer.write('data: one\n\n')
  },
  '/arrived': (_call, answer) => {
    answer.head(200)
    answer.end('arrived')
  },
  '/flaky': (call, answer) => {
    const key = String(call.query)
    const again = flaky.delete(key)
    if (!again) flaky.add(key)
    answer.head(again ? 200 : 503)
    answer.end(again ? 'at last' : 'not yet')
  },
}

/** The origins that `probe.ts` is given. */
export async function startOrigins(): Promise<
  AsyncDisposable & { readonly origins: readonly string[]; readonly ca: string }
> {
  const h2 = await startH2Origin(routes)
  const all = [h2, await startH1Origin(routes), await startH2Greeter(), await startH1Greeter()]
  return {
    origins: all.map(({ origin }) => origin),
    ca: h2.ca,
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((one) => one[Symbol.asyncDispose]()))
    },
  }
}

/** What of a library works, by feature: `yes`, or what went wrong. `start` when nothing could be tried. */
export async function probe(
  [command, ...args]: readonly [string, ...string[]],
  library: string,
  module: string,
  { origins, ca }: { readonly origins: readonly string[]; readonly ca: string },
): Promise<Record<string, string>> {
  const script = fileURLToPath(new URL('probe.ts', import.meta.url))
  const options = { env: { ...process.env, PROBE_CA: ca, NODE_NO_WARNINGS: '1' }, timeout: 60_000 }
  try {
    const { stdout } = await run(command, [...args, script, library, module, ...origins], options)
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}')
  } catch (error) {
    return { start: error instanceof Error ? error.message : String(error) }
  }
}
