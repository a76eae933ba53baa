/** The command as a process: its streams, signals, and how it ends. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { runModule } from '../support/child.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { jsonBody, patternBytes } from '../support/routes.ts'
import { type Folder, folder, mainPath, spawnHyper } from './command.ts'

let files: Folder
let h2: TestOrigin

before(async () => {
  files = await folder()
  h2 = await startH2Origin()
})

after(async () => {
  await h2.close()
  await files[Symbol.asyncDispose]()
})

const trusting = (...argv: readonly string[]): string[] => ['--verify', files.ca, ...argv]

describe('a process', { concurrency: 4 }, () => {
  test('writes the body to a pipe and ends with 0', async () => {
    const { code, stdout, stderr } = await spawnHyper(trusting(`${h2.origin}/json`)).outcome
    assert.deepEqual([code, JSON.parse(stdout), stderr], [0, jsonBody, ''])
  })

  test('writes a long body whole', async () => {
    const { code, octets } = await spawnHyper(trusting(`${h2.origin}/bytes/5000000`)).outcome
    assert.equal(code, 0)
    assert.ok(octets.equals(patternBytes(5_000_000)))
  })

  test('sends standard input, and ends with it', async () => {
    const text = 'x'.repeat(1_000_000)
    const { code, stdout } = await spawnHyper(trusting(`${h2.origin}/echo-length`), text).outcome
    assert.deepEqual([code, stdout], [0, '1000000'])
  })

  test('sends a short file on standard input with its length, and again where a redirect leads; a long one in chunks', async () => {
    const lengths: unknown[] = []
    await using h1 = await startH1Origin({
      '/307': (_call, answer) => {
        answer.head(307, { location: '/echo' })
        answer.end()
      },
      '/length': async (call, answer) => {
        lengths.push(call.headers['content-length'] ?? call.headers['transfer-encoding'])
        let octets = 0
        for await (const chunk of call.body) octets += Buffer.byteLength(chunk)
        answer.head(200)
        answer.end(String(octets))
      },
    })
    const run = async (size: number, ...argv: readonly string[]): Promise<string> => {
      const path = await files.write(`stdin-${size}`, 'x'.repeat(size))
      const file = await open(path)
      try {
        const child = spawn(process.execPath, [mainPath, ...trusting(...argv)], { stdio: [file.fd, 'pipe', 'inherit'] })
        assert.ok(child.stdout)
        return String(Buffer.concat(await child.stdout.toArray()))
      } finally {
        await file.close()
      }
    }
    assert.deepEqual(
      [await run(10, `${h1.origin}/length`), await run(2_000_000, `${h1.origin}/length`)],
      ['10', '2000000'],
    )
    assert.deepEqual(lengths, ['10', 'chunked'])
    assert.equal(await run(10, '-F', `${h1.origin}/307`), 'xxxxxxxxxx')
    assert.equal(await run(0, `${h1.origin}/json`), JSON.stringify(jsonBody))
  })

  test('over HTTP/1.1 as well', async () => {
    await using h1 = await startH1Origin()
    const { code, stdout } = await spawnHyper(trusting(`${h1.origin}/echo`, 'a=b')).outcome
    assert.deepEqual([code, stdout], [0, '{"a": "b"}'])
  })

  test('--help, --version and errors', async () => {
    const [help, version, wrong, failed] = await Promise.all(
      [['--help'], ['--version'], ['--nonsense'], ['http://localhost:1']].map((argv) => spawnHyper(argv).outcome),
    )
    assert.match(help.stdout, /^Usage: hyper/)
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
    assert.deepEqual([help.code, version.code, wrong.code, failed.code], [0, 0, 2, 1])
    assert.equal(wrong.stderr, "hyper: error: unknown option '--nonsense'\nTry 'hyper --help'.\n")
    assert.doesNotMatch(failed.stderr, /\n./)
  })

  test('says what it waits for when a pipe is silent, and does not wait for --ignore-stdin or GET', async () => {
    const { child, outcome } = spawnHyper(trusting(`${h2.origin}/echo`), null)
    assert.ok(child.stderr && child.stdin)
    const [warning] = await once(child.stderr, 'data')
    assert.match(String(warning), /^hyper: warning: waiting for the body on standard input .*--ignore-stdin/)
    child.stdin.end('late')
    assert.equal((await outcome).stdout, 'late')
    for (const argv of [
      ['--ignore-stdin', `${h2.origin}/json`],
      ['GET', `${h2.origin}/json`],
    ]) {
      const { code, stderr } = await spawnHyper(trusting(...argv), null).outcome
      assert.deepEqual([code, stderr], [0, ''])
    }
  })

  test('ends although standard input stays open, when the answer came first', async () => {
    await using early = await startH2Origin({
      '/early': (_call, answer) => {
        answer.head(413)
        answer.end('too much')
      },
    })
    const { child, outcome } = spawnHyper(trusting('post', `${early.origin}/early`), null)
    child.stdin?.write('begin')
    const { code, stdout } = await outcome
    assert.deepEqual([code, stdout], [0, 'too much'])
  })

  test('ends quietly when nobody reads its output any more', async () => {
    const { child, outcome } = spawnHyper(trusting(`${h2.origin}/bytes/50000000`))
    assert.ok(child.stdout)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const { code, stderr } = await outcome
    assert.deepEqual([code, stderr], [0, ''])
  })

  test('ends with 130 after SIGINT', async () => {
    const { child, outcome } = spawnHyper(trusting(`${h2.origin}/slow`))
    while (!h2.requests.some(({ path }) => path === '/slow')) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
    const { code, stderr } = await outcome
    assert.deepEqual([code, stderr], [130, 'hyper: error: Interrupted\n'])
    const silent = spawnHyper(trusting(`${h2.origin}/json`), null)
    assert.ok(silent.child.stderr)
    await once(silent.child.stderr, 'data')
    silent.child.kill('SIGINT')
    assert.equal((await silent.outcome).code, 130)
  })

  test('says in a line of its own that nothing is verified', async () => {
    const { code, stderr } = await spawnHyper(['--verify', 'no', `${h2.origin}/json`]).outcome
    assert.match(stderr, /^hyper: warning: TLS certificates are not verified [^\n]*\n$/)
    assert.equal(code, 0)
  })

  test('a proxy of the environment counts', async () => {
    const env = { HTTPS_PROXY: 'http://localhost:1' }
    const { code, stderr } = await spawnHyper(trusting(`${h2.origin}/json`), undefined, env).outcome
    assert.match(stderr, /through http:\/\/localhost:1:/)
    assert.equal(code, 1)
  })
})

const hasScript = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') === true

describe('a terminal', { skip: hasScript ? false : 'script of util-linux is not there' }, () => {
  const inTerminal = async (...argv: readonly string[]): Promise<string> => {
    const words = [process.execPath, mainPath, ...trusting(...argv)].map((word) => `'${word}'`).join(' ')
    const child = spawn('script', ['-qec', words, '/dev/null'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], TERM: 'xterm-256color' },
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    const [code] = await once(child, 'close')
    assert.equal(code, 0)
    return Buffer.concat(chunks).toString().replaceAll('\r\n', '\n')
  }

  test('shows head and body in colour, and waits for nothing to be typed', async () => {
    const shown = await inTerminal(`${h2.origin}/json`)
    assert.match(shown, /^HTTP\/2 \x1b\[32m200\x1b\[39m\n/)
    assert.match(shown, /\n\n\{\n {4}\x1b\[34m"hello"\x1b\[39m: \x1b\[32m"world"\x1b\[39m,\n/)
  })

  test('shows a bar while a file is written', async () => {
    const shown = await inTerminal('-o', files.path('out'), `${h2.origin}/bytes/200000?length`)
    assert.match(shown, /100% {2}200\.0 kB of 200\.0 kB/)
    // The cursor is there again.
    assert.ok(shown.includes('\x1b[?25h'))
  })
})

test('NO_COLOR takes the colours of a terminal, not those that were asked for in a pipe', async () => {
  const script = `
    const { PassThrough } = await import('node:stream')
    const { run } = await import(root + 'src/cli/run.ts')
    const shown = async (isTTY, ...argv) => {
      const stdout = Object.assign(new PassThrough(), { isTTY, getColorDepth: () => (process.env.NO_COLOR ? 1 : 8) })
      const stdin = Object.assign(new PassThrough(), { isTTY: true })
      const code = await run(['--verify', ${JSON.stringify(files.ca)}, ...argv, ${JSON.stringify(`${h2.origin}/json`)}], {
        stdin, stdout, stderr: process.stderr, env: {},
      })
      stdin.destroy()
      return [code, String(stdout.read()).includes('\\x1b')]
    }
    console.log(JSON.stringify([await shown(true), await shown(false, '--pretty', 'all'), await shown(false)]))
  `
  const coloured = [
    [0, true],
    [0, true],
    [0, false],
  ]
  assert.deepEqual(await runModule(script, { NO_COLOR: '', FORCE_COLOR: '3' }), coloured)
  delete process.env['FORCE_COLOR']
  assert.deepEqual(await runModule(script, { NO_COLOR: '1' }), [
    [0, false],
    [0, true],
    [0, false],
  ])
})

test('the command is what the package names', async () => {
  const { createRequire } = await import('node:module')
  const manifest = createRequire(import.meta.url)('hyper-transport/package.json')
  assert.equal(manifest.bin.hyper, './dist/hyper.cjs')
  assert.ok(mainPath.endsWith('/src/cli/main.ts'))
})
