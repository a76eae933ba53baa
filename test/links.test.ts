/** README and docs: what they link to is there, and a test that they quote by name is in the file that they name. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { triedVersions } from './compat/versions.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
)

/** What of the repository comes with the package, beside dist/. */
const packed = /^(?:|CHANGELOG\.md|LICENSE)$/

/**
 * README is packed and shown far from the repository, and docs/ is not packed with it: it links to them by their address there,
 * which is checked as if it were the path that it leads to.
 */
const REPOSITORY = /^https:\/\/github\.com\/hyper-transport\/hyper-transport\/(?:blob|tree)\/main\//

/** As hosts of Markdown make anchors of headings. */
function anchors(text: string): Set<string> {
  const headings = text.match(/^#+ .*$/gm) ?? []
  return new Set(
    headings.map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

for (const page of pages) {
  test(`the links of ${page}`, () => {
    const text = readFileSync(join(root, page), 'utf8').replace(/```[\s\S]*?```/g, '')
    for (const [, picture, label, target] of text.matchAll(/(!?)\[([^\]]*)\]\(([^)\s]+)\)/g)) {
      assert.ok(label !== undefined && target !== undefined)
      const inside = REPOSITORY.test(target)
      if (/^https?:/.test(target) && !inside) continue
      const [path = '', anchor] = target.replace(REPOSITORY, '').split('#')
      const file = path === '' ? join(root, page) : join(root, inside ? '.' : dirname(page), path)
      // Where README is shown elsewhere, pictures are taken from the repository that package.json names.
      if (page === 'README.md' && picture === '')
        assert.ok(inside || packed.test(path), `${target} is not packed: link to the repository`)
      assert.ok(existsSync(file), `${target} is not there`)
      if (anchor !== undefined) {
        assert.ok(anchors(readFileSync(file, 'utf8')).has(anchor), `${target}: there is no such heading`)
      }
      // A label in quotation marks is the name of a test or of a group of them.
      const quoted = /^"(.*)"$/.exec(label)?.[1]
      if (quoted === undefined) continue
      const source = readFileSync(file, 'utf8')
      assert.ok(
        source.includes(`'${quoted}'`) || source.includes(`"${quoted}"`),
        `${target} has no test named ${quoted}`,
      )
    }
  })
}

test('docs/compatibility.md lists versions by library and number, whatever the order in package.json', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const entries = Object.entries<string>(devDependencies)
  const listed = triedVersions(Object.fromEntries(entries))
  assert.deepEqual(triedVersions(Object.fromEntries(entries.reverse())), listed)
  assert.deepEqual(
    triedVersions({ undici: '10.0.0', got15: 'npm:got@15.1.0', undici6: 'npm:undici@6.29.1', axios17: '^1.7.9' }),
    ['axios 1.7.9', 'got 15.1.0', 'undici 6.29.1', 'undici 10.0.0'],
  )
  const page = readFileSync(join(root, 'docs/compatibility.md'), 'utf8')
  const [, tried] = /^Tried with (.*)\.$/m.exec(page) ?? []
  const names = tried?.split(', ') ?? []
  assert.ok(names.length >= 8, 'the page says what was tried')
  assert.deepEqual(names, [...names].sort(new Intl.Collator('en', { numeric: true }).compare))
})
