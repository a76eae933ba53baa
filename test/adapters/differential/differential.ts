/**
 * A differential test: a library by its own transport, and the same library over ours, on HTTP/2 and on HTTP/1.1. What it
 * returns or throws, and what the server saw, must be the same.
 *
 * Rules
 * - Cases are data (`cases.ts`); how a library is called is in its own file; here they are run and compared.
 * - Only what one connection or one protocol decides is left out of every comparison: the fields connection,
 *   transfer-encoding, keep-alive, te and date, and the status text over HTTP/2.
 * - Whatever else differs stands by name in {@link deliberate}, with its reason. A name that stands there for one library
 *   and that no case of it needs is a failure as well, so that the list stays true.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startDualOrigin, startH1Origin, type TestOrigin } from '../../support/origin.ts'
import { type Case, cases, type Library } from './cases.ts'
import { deliberate } from './deliberate.ts'
import { brief, differentialRoutes, type Places, type Recorder, type Sighting } from './routes.ts'

/** How the requests travel: by the library itself, or by us. */
export type Way = 'plain' | 'h2' | 'h1'

/** What came of a call, as plain data. */
export type Outcome = Record<string, unknown>

/** What a runner needs for one call. */
export interface Run {
  readonly url: string
  readonly way: Way
  readonly method: string | undefined
  /** The case's own, and the mark by which the server knows the run. */
  readonly headers: Record<string, string | string[]>
  /** Made anew for each call. */
  readonly body: unknown
  /** Options of the library's own for this case. */
  readonly options: Readonly<Record<string, unknown>>
  /** Present when the case aborts. The runner aborts it itself once it has the response's head, for `headers`. */
  readonly abort: AbortController | undefined
  readonly abortAt: Case['abort']
  readonly ca: string
}

/** One library on each of the ways. */
export interface Runner {
  run(run: Run): Promise<Outcome>
  close?(): Promise<void>
}

/** Fields that say nothing of the response itself. */
const hopByHop = new Set(['connection', 'transfer-encoding', 'keep-alive', 'date'])

/** Fields as sorted lines; a value that is a list stays one. */
export function fieldLines(headers: Iterable<readonly [string, unknown]> | object): string[] {
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers)
  return pairs
    .filter(([name]) => !hopByHop.has(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .sort()
}

/** An error by its class, name and code, and its cause's if asked for. */
export function errorWords(error: unknown, withCause = false): Outcome {
  if (!(error instanceof Error)) return { thrown: String(error) }
  const { code, cause, name } = error as Error & { code?: unknown }
  const words: Outcome = { class: error.constructor.name, name, code }
  if (withCause && cause !== undefined) words.cause = errorWords(cause)
  return words
}

export { brief }

/** The origins of one run of a library's cases. */
export interface World {
  readonly main: TestOrigin
  readonly places: Places
  readonly sightings: Map<string, Sighting[]>
  readonly waiting: Map<string, () => void>
  close(): Promise<void>
}

/** The origins, and who hears of their requests. */
export async function startWorld(): Promise<World> {
  const sightings = new Map<string, Sighting[]>()
  const waiting = new Map<string, () => void>()
  const places: Places = { main: '', other: '', plain: '' }
  const recorder: Recorder = {
    arrived: (run) => waiting.get(run)?.(),
    saw: (run, sighting) => {
      const seen = sightings.get(run)
      if (seen === undefined) sightings.set(run, [sighting])
      else seen.push(sighting)
    },
  }
  const routes = differentialRoutes(recorder, places)
  const [main, other, plain] = await Promise.all([
    startDualOrigin(routes, { server: { maxHeaderListPairs: 1000 } }),
    startDualOrigin(routes),
    startH1Origin(routes, { plain: true }),
  ])
  for (const { server } of [main, other, plain]) {
    server.on('clientError', (_error: Error, socket: { destroy(): void }) => socket.destroy())
  }
  Object.assign(places, { main: main.origin, other: other.origin, plain: plain.origin })
  return {
    main,
    places,
    sightings,
    waiting,
    close: async () => {
      await Promise.all([main.close(), other.close(), plain.close()])
    },
  }
}

let runs = 0

/** Runs one case one way. */
export async function observe(world: World, one: Case, library: Library, way: Way, runner: Runner): Promise<Outcome> {
  const id = String(runs++)
  const { places } = world
  const url = one.url.replace(/^(main|other|plain|\w+@main)?(?=\/)/, (place) => {
    if (place.endsWith('@main')) return places.main.replace('://', `://${place.slice(0, -5)}:secret@`)
    return places[(place || 'main') as keyof Places]
  })
  const abort = one.abort === undefined ? undefined : new AbortController()
  if (one.abort === 'before') abort?.abort()
  if (one.abort === 'waiting') world.waiting.set(id, () => abort?.abort())
  let body: unknown
  const run = (): Run => ({
    url: url.replaceAll('{refused}', '1'),
    way,
    method: one.method,
    headers: { ...one.headers, 'x-run': id },
    body,
    options: one.options?.[library.split('.')[0] as keyof NonNullable<Case['options']>] ?? {},
    abort,
    abortAt: one.abort,
    ca: world.main.ca,
  })
  let outcome: Outcome
  const late = new AbortController()
  try {
    body = one.body?.()
    outcome = await Promise.race([
      runner.run(run()),
      wait(2000, { never: 'settled' } as Outcome, { signal: late.signal, ref: false }),
    ])
  } catch (error) {
    outcome = { error: errorWords(error, library !== 'axios' && library !== 'got') }
  } finally {
    late.abort()
    world.waiting.delete(id)
  }
  if (one.seen !== false) outcome.seen = world.sightings.get(id) ?? []
  return JSON.parse(
    JSON.stringify(outcome)
      .replaceAll(places.main, 'MAIN')
      .replaceAll(places.other, 'OTHER')
      .replaceAll(places.plain, 'PLAIN')
      .replaceAll(new URL(places.main).host, 'MAIN-HOST')
      .replaceAll(new URL(places.other).host, 'OTHER-HOST')
      .replaceAll(new URL(places.plain).host, 'PLAIN-HOST'),
  )
}

/** Takes out of an outcome what a path such as `error.code` or `seen.0.headers.te` names; `*` is every element. */
function without(outcome: unknown, path: readonly string[]): boolean {
  const [head, ...rest] = path
  if (typeof outcome !== 'object' || outcome === null || head === undefined) return false
  const object = outcome as Record<string, unknown>
  if (head === '*') {
    let any = false
    for (const value of Object.values(object)) any = without(value, rest) || any
    return any
  }
  if (rest.length > 0) return without(object[head], rest)
  if (Array.isArray(outcome) && !/^\d+$/.test(head)) {
    const at = outcome.findIndex((line) => typeof line === 'string' && line.startsWith(`${head}:`))
    if (at >= 0) outcome.splice(at, 1)
    return at >= 0
  }
  return delete object[head]
}

/** A test for each case that concerns the library. */
export function differential(library: Library, runner: Runner): void {
  let world: World
  const used = new Set<string>()
  before(async () => {
    world = await startWorld()
  })
  after(async () => {
    await world.close()
    await runner.close?.()
  })
  for (const one of cases) {
    if (one.only !== undefined && !one.only.some((name) => library === name || library.startsWith(`${name}.`))) continue
    if (one.except?.some((name) => library === name || library.startsWith(`${name}.`))) continue
    test(`${library}: ${one.name}`, async () => {
      const plain = await observe(world, one, library, 'plain', runner)
      for (const way of ['h2', 'h1'] as const) {
        const ours = await observe(world, one, library, way, runner)
        const { expected, actual } = reduce(library, one, way, plain, ours, used)
        assert.deepEqual(actual, expected, `over ${way}`)
      }
    })
  }
  test(`${library}: each listed difference is a real one`, () => {
    const stands = deliberate.filter(({ libraries }) => libraries.length === 1 && libraries.includes(library))
    assert.deepEqual(
      stands.map(({ name }) => name).filter((name) => !used.has(name)),
      [],
    )
  })
}

/** Takes out of both outcomes what is known to differ; `used` hears what it was that differed. */
export function reduce(
  library: Library,
  one: Case,
  way: 'h2' | 'h1',
  plain: Outcome,
  ours: Outcome,
  used: Set<string>,
): { expected: Outcome; actual: Outcome } {
  const expected = structuredClone(plain)
  const actual = structuredClone(ours)
  if (way === 'h2') {
    for (const outcome of [expected, actual, expected.response, actual.response]) {
      if (typeof outcome === 'object' && outcome !== null) without(outcome, ['statusText'])
    }
  }
  for (const { name, libraries, cases: names, way: only, paths } of deliberate) {
    if (!libraries.includes(library) || !names.test(one.name) || (only !== undefined && only !== way)) continue
    const before = [JSON.stringify(expected), JSON.stringify(actual)]
    for (const path of paths) {
      without(expected, path.split('.'))
      without(actual, path.split('.'))
    }
    if (before[0] !== before[1]) used.add(name)
  }
  return { expected, actual }
}
