/** What follows from the table of entry points in package.json, tsconfig.json and typedoc.json. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ENTRIES, specifierOf, stemOf } from './entries.ts'
import { root } from './paths.ts'

type Json = Record<string, unknown>

const WANTED: Readonly<Record<string, (file: Json) => Json>> = {
  'package.json': () => ({
    sideEffects: sideEffects(),
    main: './dist/index.cjs',
    types: './dist/index.d.cts',
    // TypeScript with `moduleResolution: node10` does not know `exports`.
    typesVersions: {
      '*': Object.fromEntries(ENTRIES.slice(1).map((entry) => [stemOf(entry), [`./dist/${stemOf(entry)}.d.cts`]])),
    },
    exports: {
      ...Object.fromEntries(ENTRIES.map((entry) => [entry.name, conditions(stemOf(entry))])),
      './package.json': './package.json',
    },
  }),
  'tsconfig.json': ({ compilerOptions }) => ({
    compilerOptions: {
      ...(compilerOptions as Json),
      paths: Object.fromEntries(ENTRIES.map((entry) => [specifierOf(entry), [`./${entry.source}`]])),
    },
  }),
  'typedoc.json': () => ({ entryPoints: ENTRIES.map(({ source }) => source) }),
}

function conditions(stem: string): Json {
  return {
    import: { types: `./dist/${stem}.d.ts`, default: `./dist/${stem}.js` },
    require: { types: `./dist/${stem}.d.cts`, default: `./dist/${stem}.cjs` },
  }
}

function sideEffects(): false | string[] {
  const acting = ENTRIES.filter((entry) => entry.sideEffects === true)
  return acting.length === 0
    ? false
    : acting.flatMap((entry) => ['js', 'cjs'].map((kind) => `./dist/${stemOf(entry)}.${kind}`))
}

function read(name: string): Json {
  return JSON.parse(readFileSync(join(root, name), 'utf8'))
}

export function writeManifest(): void {
  for (const [name, wanted] of Object.entries(WANTED)) {
    const file = read(name)
    writeFileSync(join(root, name), `${JSON.stringify({ ...file, ...wanted(file) }, undefined, 2)}\n`)
  }
}

/** @throws when a file says something else than the table. */
export function checkManifest(): void {
  for (const [name, wanted] of Object.entries(WANTED)) {
    const file = read(name)
    const differing = Object.entries(wanted(file)).find(([key, value]) => !isDeepStrictEqual(file[key], value))
    if (differing === undefined) continue
    throw new Error(`${differing[0]} of ${name} is not what build/entries.ts says: npm run build -- --manifest`)
  }
}
