/** Manners: errors that say what to try, help, the manual page and completions of one table. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { tooOld } from '../../src/cli/node-version.ts'
import { OPTION_NAMES } from '../../src/cli/options.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { type Folder, folder, hyper } from './command.ts'

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

/** The one line that is said. */
async function said(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await hyper(argv)
  assert.equal(stdout, '')
  assert.notEqual(code, 0)
  assert.match(stderr, /^hyper: error: [^\n]*\n(?:Try [^\n]*\n)?$/)
  return stderr
}

describe('an error says what to try', () => {
  test('where no TLS is spoken', async () => {
    const server = http.createServer((_request, response) => response.end()).listen(0, 'localhost')
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      const line = await said(`https://localhost:${port}/`)
      assert.match(line, new RegExp(`; no TLS there: try http://localhost:${port} \\(ERR_HYPER_CONNECT\\)`))
      assert.doesNotMatch(line, /openssl/)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('where TLS is spoken, and HTTP was', async () => {
    assert.match(await said(h2.origin.replace('https:', 'http:')), /try https:\/\/localhost:\d+/)
  })

  test('where HTTP/2 is spoken without TLS', async () => {
    await using plain = await startH2Origin({}, { plain: true })
    assert.match(await said(plain.origin), /--h2/)
  })

  test('where HTTP/1.1 answers to prior knowledge', async () => {
    const server = http.createServer((_request, response) => response.end()).listen(0, 'localhost')
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      assert.match(
        await said('--h2', `http://localhost:${port}/`),
        /; no HTTP\/2 there: HTTP\/1\.1 answers, so try without --h2/,
      )
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('where only the other protocol is spoken', async () => {
    await using h1 = await startH1Origin()
    assert.match(await said('--verify', files.ca, '--h2', h1.origin), /try without --h2 or --http1\.1/)
  })

  test('of a host that nobody knows', async () => {
    assert.match(await said('https://nothing.invalid'), /(?:no such host is known|no name server answers)/)
  })

  test('where nothing listens', async () => {
    assert.match(await said('https://localhost:1'), /; nothing listens on that port \(ERR_HYPER_CONNECT\)/)
  })

  test('of a certificate that no trusted authority has signed', async () => {
    assert.match(
      await said(h2.origin),
      /; the certificate is not signed by a trusted authority: --verify FILE names one/,
    )
  })

  test('of a file that is not there', async () => {
    assert.match(await said(h2.origin, 'a=@/no/such'), /"\/no\/such" cannot be read: ENOENT/)
    assert.match(await said(h2.origin, '@/no/such'), /"\/no\/such" cannot be read: ENOENT/)
  })

  test('of a Node that is too old', () => {
    assert.match(tooOld('20.11.0') ?? '', /needs Node 22\.19 or later, and this is Node 20\.11\.0/)
    assert.equal(tooOld('22.18.9') === undefined, false)
    for (const version of ['22.19.0', '24.0.0', '100.1.0']) assert.equal(tooOld(version), undefined)
  })
})

describe('the table of options', () => {
  test('is all of the long help, in lines that fit', async () => {
    const { stdout, code } = await hyper(['--help', 'all'])
    assert.equal(code, 0)
    for (const name of OPTION_NAMES) assert.match(stdout, new RegExp(`--${name.replace('.', '\\.')}\\b`))
    assert.ok(stdout.split('\n').every((line) => line.length <= 100))
  })

  test('is all of the manual page, which groff takes without a word', async () => {
    const { stdout } = await hyper(['--man'])
    for (const name of OPTION_NAMES) assert.ok(stdout.includes(`\\-\\-${name.replaceAll('-', '\\-')}`), name)
    if (spawnSync('groff', ['--version']).status !== 0) return
    const { status, stderr } = spawnSync('groff', ['-man', '-Tascii', '-ww', '-z'], { input: stdout })
    assert.deepEqual([status, String(stderr)], [0, ''])
  })

  test('is in the completions of each shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { stdout, code } = await hyper(['--completion', shell])
      assert.equal(code, 0)
      for (const name of OPTION_NAMES) assert.ok(stdout.includes(shell === 'fish' ? `-l ${name} ` : `--${name}`), name)
      if (spawnSync(shell, ['-c', 'true']).status !== 0) continue
      const { status, stderr } = spawnSync(shell, ['-n'], { input: stdout })
      assert.deepEqual([status, String(stderr)], [0, ''])
    }
    assert.match((await hyper(['--completion', 'tcsh'])).stderr, /Allowed choices are bash, zsh, fish/)
  })

  test('completes in bash: options, their values, methods', async (context) => {
    if (spawnSync('bash', ['-c', 'true']).status !== 0) return context.skip('there is no bash')
    const { stdout } = await hyper(['--completion', 'bash'])
    const complete = (...words: readonly string[]): string[] => {
      const list = words.map((word) => `'${word}'`).join(' ')
      const script = `${stdout}\nCOMP_WORDS=(hyper ${list}); COMP_CWORD=${words.length}; _hyper; printf '%s\\n' "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n')
    }
    assert.deepEqual(complete('--prett'), ['--pretty'])
    assert.deepEqual(complete('--pretty', 'c'), ['colors'])
    assert.deepEqual(complete('PO'), ['POST'])
  })
})

describe("the examples of hyper's own documents", () => {
  test('still work', async () => {
    const url = (path: string): string[] => ['--verify', files.ca, ...path.split(' ')]
    const words = (line: string): string[] => url(line.replaceAll('https://http2bin.org', h2.origin))
    assert.equal((await hyper(words('GET https://http2bin.org/json'))).code, 0)
    await hyper(words('GET https://http2bin.org/headers User-Agent:hyper/0.2.0 X-Totally-Real-Header:someval'))
    assert.equal(h2.requests.at(-1)?.headers['user-agent'], 'hyper/0.2.0')
    assert.equal(h2.requests.at(-1)?.headers['x-totally-real-header'], 'someval')
    await hyper(words('GET https://http2bin.org/json search==hyper'))
    assert.equal(h2.requests.at(-1)?.query.get('search'), 'hyper')
    const posted = await hyper([
      ...words('POST https://http2bin.org/echo name=Hyper language=Python'),
      'description=CLI HTTP client',
    ])
    assert.deepEqual(JSON.parse(posted.stdout), { name: 'Hyper', language: 'Python', description: 'CLI HTTP client' })
    assert.match((await hyper(words('--debug GET https://http2bin.org/json'))).stderr, /HEADERS stream 1/)
    assert.match((await hyper(['-h'])).stdout, /^Usage: hyper /)
    assert.equal((await hyper(['--version'])).code, 0)
  })
})
