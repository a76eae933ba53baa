/** `docs/architecture.md` names files and functions: each of them is there. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')

/** A file in backticks, and the functions in backticks that follow it up to the next file. */
function hops(): { file: string; names: string[] }[] {
  const found: { file: string; names: string[] }[] = []
  const journeys = page.slice(page.indexOf('## A GET, down and up'))
  for (const [, text] of journeys.matchAll(/`([^`]+)`/g)) {
    if (/^src\/.*\.ts$/.test(text)) found.push({ file: text, names: [] })
    else if (/^[a-z]\w*$/.test(text)) found.at(-1)?.names.push(text)
  }
  return found
}

test('each hop of the journeys is a function in the file that is named', () => {
  const missing: string[] = []
  const all = hops()
  for (const { file, names } of all) {
    if (!existsSync(join(root, file))) {
      missing.push(file)
      continue
    }
    const source = readFileSync(join(root, file), 'utf8')
    for (const name of names) {
      // A method, or a function.
      const declared = new RegExp(
        `^(?:  (?:private |protected |override |static )*${name}(?:<[^(]*>)?\\(|(?:export )?function ${name}\\()`,
        'm',
      )
      if (!declared.test(source)) missing.push(`${file}: ${name}`)
    }
  }
  assert.deepEqual(missing, [])
  assert.ok(all.length > 30, 'the hops were found')
})

test('a GET takes ten hops down at the most, and six up', () => {
  const get = page.slice(page.indexOf('## A GET'), page.indexOf('Over HTTP/1.1 the hops'))
  const [down, up] = get.split('\nUp:\n')
  assert.ok((down.match(/^\d+\. /gm)?.length ?? 0) <= 10)
  assert.ok((up.match(/^\d+\. /gm)?.length ?? 0) <= 6)
})
