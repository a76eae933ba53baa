/** The `hyper` command against nghttpd, nginx and node:http2, in a terminal (a pseudo-terminal) and in a pipe. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Folder, folder, mainPath, spawnHyper } from '../cli/command.ts'
import { startH2Origin } from '../support/origin.ts'
import { SMALL, startNghttpd, startNginx, versionOf } from '../support/programs.ts'

const hasScript = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') === true
const noTerminal = hasScript ? false : 'script of util-linux is not there'

interface Served extends AsyncDisposable {
  readonly origin: string
  readonly ca: string
}

async function startNode(): Promise<Served> {
  return startH2Origin({
    '/small': (_call, answer) => {
      answer.head(200, { 'content-type': 'text/plain' })
      answer.end(SMALL)
    },
    '/data.json': (_call, answer) => {
      answer.head(200, { 'content-type': 'application/json' })
      answer.end('{"answer":42}')
    },
  })
}

for (const { name, start, there } of [
  { name: 'nghttpd', start: () => startNghttpd(), there: versionOf('nghttpd') !== undefined },
  {
    name: 'nginx',
    // It knows no types of files unless it is told.
    start: () =>
      startNginx({
        directives: `location = /data.json { default_type application/json; return 200 '{"answer":42}'; }`,
      }),
    there: versionOf('nginx', '-v') !== undefined,
  },
  { name: 'node:http2', start: startNode, there: true },
]) {
  describe(`the command against ${name}`, { skip: there ? false : `${name} is not installed` }, () => {
    let files: Folder
    let server: Served
    let trust: string[]

    before(async () => {
      const started = await start()
      assert.ok(started)
      server = started
      files = await folder()
      trust = ['--verify', await files.write('server-ca.pem', server.ca)]
      // Where documents are files, this one is there as well.
      if ('folder' in started) await writeFile(join(started.folder, 'data.json'), '{"answer":42}')
    })
    after(async () => {
      await server?.[Symbol.asyncDispose]()
      await files?.[Symbol.asyncDispose]()
    })

    test('in a pipe: the body as it came, and nothing else', async () => {
      const { code, stdout, stderr } = await spawnHyper([...trust, `${server.origin}/small`]).outcome
      assert.deepEqual([code, stdout, stderr], [0, SMALL, ''])
    })

    test('in a terminal: the head and the body, in colour, JSON indented', { skip: noTerminal }, async () => {
      const words = [process.execPath, mainPath, ...trust, '--h2', `${server.origin}/data.json`]
      const child = spawn('script', ['-qec', words.map((word) => `'${word}'`).join(' '), '/dev/null'], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { PATH: process.env['PATH'], TERM: 'xterm-256color' },
      })
      const chunks: Buffer[] = []
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
      const [code] = await once(child, 'close')
      const shown = Buffer.concat(chunks).toString().replaceAll('\r\n', '\n')
      assert.equal(code, 0, shown)
      assert.match(shown, /^HTTP\/2 \x1b\[32m200\x1b\[39m\n/)
      assert.match(shown, /\n\n\{\n {4}\x1b\[34m"answer"\x1b\[39m: \x1b\[\d+m42\x1b\[39m\n\}\n/)
    })

    test('--debug shows frames, and 404 with --check-status is exit status 4', async () => {
      const argv = [...trust, '--debug', '--check-status', `${server.origin}/no/such/thing`]
      const { code, stderr } = await spawnHyper(argv).outcome
      assert.match(stderr, /> HEADERS stream \d+: \d+ octets, END_STREAM, END_HEADERS/)
      assert.match(stderr, /HPACK: \d+ octets; table of \d+ entries/)
      assert.equal(code, 4, stderr)
    })
  })
}
