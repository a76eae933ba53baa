/** How blocks become programs and commands, which `blocks.test.ts` then runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blocksOf, commandsOf, programsOf, promisedOutput } from './blocks.ts'

const fence = '```'

test('a block without imports goes on where the one before it ended, on the lines of the page', () => {
  const page = ['# Title', `${fence}ts`, "import a from 'a'", fence, 'words', `${fence}js`, 'a()', fence].join('\n')
  const more = ['', `${fence}ts`, "import b from 'b'", fence].join('\n')
  const programs = programsOf(blocksOf('page.md', page + more))
  assert.deepEqual(
    programs.map(({ line, source }) => [line, source.split('\n').filter((text) => text !== '')]),
    [
      [3, ["import a from 'a'", 'a()', 'export {}']],
      [10, ["import b from 'b'", 'export {}']],
    ],
  )
  assert.equal(programs[0].source.split('\n')[6], 'a()')
})

test('other languages are no programs, and a block without an end is an error', () => {
  assert.deepEqual(programsOf(blocksOf('page.md', `${fence}text\nfoo(x): y\n${fence}`)), [])
  assert.throws(() => blocksOf('page.md', `${fence}ts\nfoo()`), /page\.md, line 1: the block has no end/)
})

test('shell lines that end with a backslash are joined, and comments are left out', () => {
  const [block] = blocksOf(
    'page.md',
    [`${fence}sh`, '# first', 'hyper \\', '  https://a', '', 'npm ci', fence].join('\n'),
  )
  assert.deepEqual(commandsOf(block), [
    { line: 3, command: 'hyper   https://a' },
    { line: 6, command: 'npm ci' },
  ])
})

test('a value in the comment after console.log is checked, prose is not', () => {
  const source = ["console.log(a) // '2.0'", 'console.log(b) // [ 1, 2 ]', 'console.log(c) // 3 apples', 'd() // 4']
  assert.deepEqual(promisedOutput(source.join('\n')), ['2.0', '[ 1, 2 ]'])
})
