/** The command in a real terminal, which is a pseudo one: colours, bar, prompt, interrupt, resize, NO_COLOR. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startH2Origin, type TestOrigin } from '../support/origin.ts'
import { patternBytes } from '../support/routes.ts'
import { type Folder, folder, mainPath } from './command.ts'

const python = ['python3', 'python'].find((name) => {
  const { status } = spawnSync(name, ['-c', 'import pty, sys; sys.exit(sys.version_info < (3, 9))'])
  return status === 0
})

let files: Folder
let h2: TestOrigin

before(async () => {
  files = await folder()
  h2 = await startH2Origin({
    '/attack': (_call, answer) => {
      answer.head(200, { 'content-type': 'text/plain', 'x-bad': '\x9b31m' })
      answer.end('\x1b]0;owned\x07\x1b[2J')
    },
    /** The beginning of a long body, and then nothing. */
    '/stalls': (_call, answer) => {
      answer.head(200, { 'content-length': 1_000_000, etag: '"v"' })
      answer.write(patternBytes(300_000))
    },
    '/endless': (_call, answer) => {
      answer.head(200, { 'content-type': 'text/plain' })
      const more = (): void => {
        if (answer.stream.writable && !answer.write('all work and no play\n'.repeat(100))) {
          answer.stream.once('drain', more)
        } else if (answer.stream.writable) setImmediate(more)
      }
      more()
    },
  })
})

after(async () => {
  await h2.close()
  await files[Symbol.asyncDispose]()
})

interface Step {
  readonly after: string
  readonly send?: string
  readonly signal?: string
  readonly resize?: number
}

async function show(
  argv: readonly string[],
  steps: readonly Step[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; shown: string }> {
  const script = fileURLToPath(new URL('in-terminal.py', import.meta.url))
  const words = argv.map((word) => word.replace(/^@@/, h2.origin))
  const command = [process.execPath, mainPath, '--verify', files.ca, ...words]
  const { stdout } = await promisify(execFile)(python ?? '', [script, '80', JSON.stringify(steps), ...command], {
    env: { PATH: process.env['PATH'], TERM: 'xterm-256color', HOME: files.path('home'), ...env },
    maxBuffer: 1 << 26,
  })
  const { code, shown } = JSON.parse(stdout)
  return { code, shown: String(shown).replaceAll('\r\n', '\n') }
}

describe('in a terminal', { skip: python === undefined ? 'there is no Python for a pseudo-terminal' : false }, () => {
  test('head and body are coloured, and not with NO_COLOR', async () => {
    const { code, shown } = await show(['@@/json'])
    assert.equal(code, 0)
    assert.match(shown, /^HTTP\/2 \x1b\[32m200\x1b\[39m\n/)
    assert.match(shown, /\n {4}\x1b\[34m"hello"\x1b\[39m: /)
    const plain = await show(['@@/json'], [], { NO_COLOR: '1' })
    assert.doesNotMatch(plain.shown, /\x1b/)
    assert.match(plain.shown, /\n {4}"hello": "world",\n/)
  })

  test('nothing that a server sent acts', async () => {
    const { shown } = await show(['@@/attack'])
    assert.ok(shown.includes('\\x1b]0;owned\\x07\\x1b[2J'))
    assert.doesNotMatch(shown.replace(/\x1b\[\d+m/g, ''), /[\x1b\x07\x9b]/)
  })

  test('a password is asked for, and not shown', async () => {
    const { code, shown } = await show(['-a', 'me', '@@/headers'], [{ after: 'Password of me: ', send: 'secret\r' }])
    assert.equal(code, 0)
    assert.doesNotMatch(shown, /secret/)
    assert.equal(h2.requests.at(-1)?.headers['authorization'], `Basic ${Buffer.from('me:secret').toString('base64')}`)
  })

  test('a download shows a progress bar, and a line that stays at the end, also when the window is resized', async () => {
    const path = files.path('bar')
    const { code, shown } = await show(
      ['-o', path, '--limit-rate', '1M', '@@/bytes/300000?length'],
      [{ after: '%', resize: 40 }],
    )
    assert.equal(code, 0)
    assert.match(shown, /\n?100% {2}300\.0 kB of 300\.0 kB {2}[^\n]*\/s\n$/)
    // The cursor is there again.
    assert.ok(shown.lastIndexOf('\x1b[?25h') > shown.lastIndexOf('\x1b[?25l'))
    assert.deepEqual(await readFile(path), patternBytes(300_000))
  })

  test('an interrupted download leaves the file, no bar, and says how to go on', async () => {
    const path = files.path('interrupted')
    const { code, shown } = await show(['-o', path, '@@/stalls'], [{ after: '300.0 kB of', signal: 'INT' }])
    assert.equal(code, 130)
    const last = shown.slice(shown.lastIndexOf('\x1b[?25h'))
    assert.match(last, /hyper: ".*interrupted" holds 300\.0 kB, which is not all; to resume: -c -o ".*interrupted"\n/)
    assert.match(last, /hyper: error: Interrupted\n$/)
    assert.doesNotMatch(last, /%/)
    assert.equal((await readFile(path)).length, 300_000)
  })

  test('Ctrl-C ends what does not end', async () => {
    const { code, shown } = await show(['@@/endless'], [{ after: 'no play', send: '\x03' }])
    assert.equal(code, 130)
    assert.match(shown, /hyper: error: Interrupted\n$/)
  })

  test('an upload has a bar', async () => {
    const path = await files.write('up', patternBytes(3_000_000))
    const { code, shown } = await show(['@@/echo-length', `@${path}`])
    assert.equal(code, 0)
    assert.match(shown, /3\.0 MB of 3\.0 MB/)
    assert.match(shown, /\n3000000\n$/)
  })
})
