/** The structure of the sources: floors, and what may import what. `docs/architecture.md` describes them. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** From the bottom up. Folders of one floor may use each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['src/bag.ts', 'src/clock.ts', 'src/ignore.ts', 'src/limits.ts'],
  ['src/rethrow-async.ts', 'src/diagnostics.ts', 'src/warn.ts', 'src/seen.ts'],
  ['src/errors.ts', 'src/option-names.ts', 'src/option-checks.ts', 'src/frame'],
  ['src/headers', 'src/hpack', 'src/priority', 'src/content'],
  ['src/h2', 'src/h1', 'src/websocket'],
  ['src/session'],
  ['src/net'],
  ['src/exchange'],
  ['src/connection'],
  ['src/wrappers'],
  ['src/pool'],
  ['src/client'],
  ['src/index.ts'],
  ['adapters/common'],
  ['src/cli', 'src/testing', 'adapters'],
]

const files = ['src', 'adapters'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => normalize(join(folder, name)).replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts')),
)

/** What each file imports of ours, types included, whether at once or when it is needed. */
const imports = new Map(
  files.map((file) => {
    const found = readFileSync(join(root, file), 'utf8').matchAll(/(?:\bfrom|\bimport\(|^import)\s*'(\.[^']*)'/gm)
    const targets = [...found].map(([, target]) => normalize(join(dirname(file), target)).replaceAll('\\', '/'))
    return [file, targets.filter((target) => target.endsWith('.ts'))] as const
  }),
)

/** The first that fits: `adapters/common` comes before `adapters`. */
function floorOf(file: string): number {
  return FLOORS.findIndex((floor) => floor.some((place) => file === place || file.startsWith(`${place}/`)))
}

test('each source file belongs to a floor', () => {
  assert.deepEqual(
    files.filter((file) => floorOf(file) === -1),
    [],
  )
  assert.ok(files.length > 200, 'the files were found')
})

test('no import goes up, types included', () => {
  const up: string[] = []
  for (const [file, targets] of imports) {
    for (const target of targets) if (floorOf(target) > floorOf(file)) up.push(`${file} -> ${target}`)
  }
  assert.deepEqual(up, [])
})

test('no files import each other in a circle, types included', () => {
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      circles.push([...way.slice(way.indexOf(file)), file].join(' -> '))
      return
    }
    if (done.has(file)) return
    for (const target of imports.get(file) ?? []) walk(target, [...way, file])
    done.add(file)
  }
  for (const file of files) walk(file, [])
  assert.deepEqual(circles, [])
})

test('the floors without I/O import nothing of sockets, streams or timers', () => {
  const io = /from '(?:node:)?(?:net|tls|stream|timers|http|https|http2|dns|fs)(?:\/[^']*)?'/
  const pure = ['src/frame', 'src/hpack', 'src/headers', 'src/priority', 'src/h1', 'src/h2', 'src/websocket']
  const found = files.filter(
    (file) => pure.some((folder) => file.startsWith(`${folder}/`)) && io.test(readFileSync(join(root, file), 'utf8')),
  )
  assert.deepEqual(found, [])
})

test('nothing in src depends on undici', () => {
  const found = files.filter(
    (file) => file.startsWith('src/') && /from 'undici|import\('undici/.test(readFileSync(join(root, file), 'utf8')),
  )
  assert.deepEqual(found, [])
})
