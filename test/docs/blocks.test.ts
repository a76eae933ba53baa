/**
 * Every fenced block of README.md and docs/ is run.
 *
 * - `ts` and `js`: a program, checked by the compiler and run, offline, against origins that answer whatever they are
 *   asked (`world.ts`). A block that imports something begins a program; a block that imports nothing goes on where the
 *   one before it on the page ended. It must end by itself with exit status 0, and write nothing to stderr but warnings.
 *   Where a value stands behind `console.log(...) //`, that must have been written.
 * - `sh`: each line is a command of npm that package.json bears out, `node FILE` with a file that is there,
 *   `node --import ENTRY` with an entry that can be loaded so, or a pipeline
 *   of `hyper` and a few tools, which is run and must end with status 0, or with the one that a comment behind it says:
 *   `# exit status 4`.
 * - `json`: can be parsed. `text`: shown only.
 *
 * Two kinds need what is not installed here, and are run elsewhere: the programs of docs/cookbook.md, by
 * test/compat/cookbook.test.ts, and tests for Vitest, by test/stranger/runners.ts.
 *
 * `npm run docs`, which builds first. Programs find the files that `run.ts` lists.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { type Block, blocksOf, commandsOf, type Program, programsOf, promisedOutput } from './blocks.ts'
import { type Outcome, root, Workshop } from './run.ts'
import { startWorld } from './world.ts'

const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
)
const blocks = pages.map((page) => blocksOf(page, readFileSync(join(root, page), 'utf8')))
const world = await startWorld()
const workshop = await Workshop.open(world)
after(async () => {
  workshop[Symbol.dispose]()
  await world[Symbol.asyncDispose]()
})

const isElsewhere = ({ page, source }: Program): boolean =>
  page === 'docs/cookbook.md' || source.includes("from 'vitest'")
const all = blocks.flatMap(programsOf).filter((program) => !isElsewhere(program))
const programs = all.map((program) => {
  const name = `${program.page.replace(/^docs\//, '').replace(/\.md$/, '')}-${program.line}.mts`
  return { ...program, name, file: workshop.write(name, program.source) }
})

test('the fences name languages that are run', () => {
  for (const { page, line, language } of blocks.flat()) {
    assert.match(language, /^(?:ts|js|sh|json|text)$/, `${page}, line ${line - 1}: "${language}" is none of them`)
  }
})

test('no page says `npx hyper`, which outside a project runs an unrelated package', () => {
  for (const page of pages) {
    const lines = readFileSync(join(root, page), 'utf8').split('\n')
    const wrong = lines.findIndex((line) => /\bnpx(?:\s+-\S+)*\s+hyper(?!-transport)\b/.test(line))
    assert.equal(wrong, -1, `${page}, line ${wrong + 1}: write npx hyper-transport`)
  }
})

test('the programs are correctly typed', async () => {
  assert.ok(programs.length > 0)
  assert.deepEqual(await workshop.check(), [])
})

/** Two at a time: most of the time goes into starting them. */
test('the programs run', { concurrency: 2 }, async (context) => {
  await Promise.all(
    programs.map(({ page, line, file, source }) =>
      context.test(`${page}, line ${line}`, async () => {
        const outcome = await workshop.program(file)
        assertClean(outcome, 0)
        for (const value of promisedOutput(source)) {
          assert.ok(outcome.output.includes(`${value}\n`), `it did not write ${value}, but\n${outcome.output}`)
        }
      }),
    ),
  )
})

test('the commands work', { concurrency: 2 }, async (context) => {
  const commands = ofLanguage('sh').flatMap((block) => commandsOf(block).map((command) => ({ ...block, ...command })))
  await Promise.all(
    commands.map(({ page, line, command }) => context.test(`${page}, line ${line}: ${command}`, () => tryOut(command))),
  )
})

for (const { page, line, lines } of ofLanguage('json')) {
  test(`${page}, line ${line}: JSON`, () => void JSON.parse(lines.join('\n')))
}

function ofLanguage(wanted: string): Block[] {
  return blocks.flat().filter(({ language }) => language === wanted)
}

function assertClean({ status, output, complaints }: Outcome, expected: number): void {
  const said = `${output.slice(-2000)}${complaints.slice(-2000)}`
  assert.notEqual(status, null, `it had to be stopped:\n${said}`)
  assert.equal(status, expected, said)
  if (expected === 0) assert.equal(complaints, '')
}

const manifest: { scripts: Record<string, string>; devDependencies: object; peerDependencies: object; name: string } =
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Commands that a page may pipe into, or from, the command of this package. */
const tools = /^(?:hyper|npx hyper-transport|echo|printf|cat|head|base64|openssl)(?=\s|$)/

async function tryOut(line: string): Promise<void> {
  const [command, comment = ''] = line.split(/\s+#\s/)
  const bare = command.trim().replace(/^(?:[A-Z_]+=\S*\s+)+/, '')
  const [program, ...args] = bare.split(/\s+/)
  if (program === 'npm') return checkNpm(args)
  if (program === 'node' && args[0] === '--import') {
    // The program behind it is the reader's.
    await promisify(execFile)(process.execPath, [...args.slice(0, 2), '-e', ''], { cwd: root })
    return
  }
  if (program === 'node') {
    const file = args.find((arg) => !arg.startsWith('-'))
    assert.ok(file !== undefined && existsSync(join(root, file)), `there is no ${file}`)
    return
  }
  for (const part of bare.split(/\s\|\s/)) assert.match(part.trim(), tools, 'this test does not know how to try it')
  if (bare.includes('hyper')) assert.ok(existsSync(join(root, 'dist/hyper.cjs')), 'the command is not built')
  const expected = Number(/exit status (\d+)/.exec(comment)?.[1] ?? 0)
  assertClean(await workshop.command(command), expected)
}

function checkNpm([verb, ...args]: readonly string[]): void {
  const names = args.filter((arg) => !arg.startsWith('-'))
  if (verb === 'ci') assert.ok(existsSync(join(root, 'package-lock.json')))
  else if (verb === 'install' || verb === 'i') {
    const known = [manifest.name, ...Object.keys({ ...manifest.peerDependencies, ...manifest.devDependencies })]
    for (const name of names) assert.ok(known.includes(name), `${name} is not a package that this one works with`)
  } else {
    const script = verb === 'run' ? names[0] : verb
    assert.ok(script !== undefined && script in manifest.scripts, `there is no script ${script}`)
  }
}
