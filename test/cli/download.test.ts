/** Files: --download, --continue and what a server may lie about; --limit-rate, --retry, and other ways to a server. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { numbered, proposedName, safeName } from '../../src/cli/filename.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { fc } from '../support/property.ts'
import { type Circumstances, type Folder, folder, hyper, type Outcome, spawnHyper } from './command.ts'

const whole = 'the whole text, octet by octet'

let files: Folder
let h2: TestOrigin
let h1: TestOrigin
let failures = 0

before(async () => {
  files = await folder()
  const routes = {
    '/named': (call, answer) => {
      const disposition = call.query.get('as')
      answer.head(Number(call.query.get('status') ?? 200), {
        'content-type': 'text/plain',
        ...(disposition === null ? {} : { 'content-disposition': disposition }),
      })
      answer.end(whole)
    },
    /** Ranges, honest or not. */
    '/range': (call, answer) => {
      const start = Number(/^bytes=(\d+)-$/.exec(String(call.headers['range'] ?? ''))?.[1] ?? 0)
      const matches = [undefined, '"v1"'].includes(call.headers['if-range'] as string | undefined)
      const lie = call.query.get('lie') ?? ''
      const fields = { etag: '"v1"', 'content-type': 'text/plain' }
      if (start === 0 || !matches || lie === 'whole') {
        answer.head(200, fields)
        return answer.end(whole)
      }
      if (start >= whole.length) {
        answer.head(416, { 'content-range': `bytes */${whole.length}` })
        return answer.end()
      }
      const end = whole.length - 1
      const ranges: Readonly<Record<string, string | undefined>> = {
        none: undefined,
        start: `bytes 0-${end}/${whole.length}`,
        total: `bytes ${start}-${end}/3`,
        nonsense: 'octets all',
      }
      const range = lie in ranges ? ranges[lie] : `bytes ${start}-${end}/${whole.length}`
      answer.head(206, {
        ...fields,
        ...(range === undefined ? {} : { 'content-range': range }),
        ...(lie === 'coded' ? { 'content-encoding': 'gzip' } : {}),
      })
      answer.end(lie === 'short' ? whole.slice(start, -3) : whole.slice(start))
    },
    '/part': (_call, answer) => {
      answer.head(200, { etag: '"v1"', 'content-length': whole.length })
      answer.write(whole.slice(0, 10))
      setImmediate(() => answer.cut())
    },
    '/sometimes': (call, answer) => {
      failures++
      const enough = failures > Number(call.query.get('after'))
      answer.head(enough ? 200 : Number(call.query.get('status')), enough ? {} : { 'retry-after': '0' })
      answer.end(enough ? `after ${failures}` : 'not yet')
    },
    '/resets': (_call, answer) => {
      failures++
      if (failures < 3) return answer.cut()
      answer.head(200)
      answer.end('at last')
    },
  } satisfies Parameters<typeof startH1Origin>[0]
  h2 = await startH2Origin(routes)
  h1 = await startH1Origin(routes)
})

after(async () => {
  await h2.close()
  await h1.close()
  await files[Symbol.asyncDispose]()
})

function ask(argv: readonly string[], circumstances: Circumstances = {}, origin = h2): Promise<Outcome> {
  return hyper(['--verify', files.ca, ...argv.map((word) => word.replace(/^@@/, origin.origin))], circumstances)
}

/** As a process in a folder of its own. */
async function inFolder(name: string, ...argv: readonly string[]): Promise<Outcome & { names: string[] }> {
  const cwd = files.path(name)
  await mkdir(cwd, { recursive: true })
  const words = ['--verify', files.ca, ...argv.map((word) => word.replace(/^@@/, h2.origin))]
  // Nobody reads standard output.
  const outcome = await spawnHyper(words, undefined, { HYPER_CONFIG_DIR: files.path('config') }, cwd, 'ignore').outcome
  return { ...outcome, names: (await readdir(cwd)).toSorted() }
}

const as = (disposition: string, more = ''): string => `@@/named?as=${encodeURIComponent(disposition)}${more}`

describe('the name of a download', () => {
  for (const [disposition, path, type, expected] of [
    ['attachment; filename="a b.txt"', '/x', undefined, 'a b.txt'],
    ["attachment; filename=x; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt", '/x', undefined, 'grüße.txt'],
    ['attachment; filename="../../etc/passwd"', '/x', undefined, 'passwd'],
    ['attachment; filename="..\\\\..\\\\boot.ini"', '/x', undefined, 'boot.ini'],
    ['attachment; filename="/etc/cron.d/x"', '/x', undefined, 'x'],
    ['attachment; filename=".bashrc"', '/x', undefined, 'bashrc'],
    ['attachment; filename=".."', '/dir/file.bin', undefined, 'file.bin'],
    ['attachment; filename="con.txt"', '/dir/file.bin', undefined, 'file.bin'],
    ['attachment; filename="a\x1b[31mb"', '/x', undefined, 'a_[31mb'],
    ['nonsense;;', '/dir/file.bin', undefined, 'file.bin'],
    [undefined, '/dir/%2e%2e%2fsecret', 'text/html', 'secret.html'],
    [undefined, '/dir/', 'application/json', 'dir.json'],
    [undefined, '/', 'text/html; charset=utf-8', 'index.html'],
    [undefined, '/x?y=/z', 'image/jpeg', 'x.jpg'],
    [undefined, '/x', undefined, 'x'],
  ] as const) {
    test(`of ${JSON.stringify(disposition ?? path)} is ${expected}`, async () =>
      assert.equal(await proposedName(disposition, path, type), expected))
  }

  test('the name of a download never leads out of the folder, whatever the server proposes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[./\\ ab:*]{0,20}$/)), (text) => {
        const name = safeName(text)
        if (name !== undefined) assert.match(name, /^(?!\.)[^/\\\0-\x1f]+$/)
      }),
    )
    assert.ok(Buffer.byteLength(safeName(`${'ü'.repeat(500)}.tar`) ?? '') <= 200)
    assert.equal(numbered('a.tar.gz', 2), 'a.tar-2.gz')
  })
})

describe('--download', () => {
  test('writes to the name that the server gives, and shows the rest on standard error', async () => {
    const { code, stdout, stderr, names } = await inFolder('named', '-d', as('attachment; filename="x.txt"'))
    assert.deepEqual([code, stdout, names], [0, '', ['x.txt']])
    assert.equal(stderr, 'hyper: saved to "x.txt", 30 B\n')
    assert.equal(await readFile(files.path('named/x.txt'), 'utf8'), whole)
    assert.equal(h2.requests.at(-1)?.headers['accept-encoding'], 'identity')
  })

  test('goes to standard output where that leads to a program or a file, and with -o -', async () => {
    const cwd = files.path('piped')
    await mkdir(cwd)
    const words = ['--verify', files.ca, '-d', `${h2.origin}/redirect?to=/named`]
    const piped = await spawnHyper(words, undefined, {}, cwd).outcome
    assert.deepEqual([piped.stdout, piped.code], [whole, 0])
    assert.equal(piped.stderr, 'hyper: written to standard output, 30 B; -o FILE writes to a file\n')
    assert.deepEqual(await readdir(cwd), [])
    const named = await ask(['-q', '-d', '-o', '-', '@@/named'], { terminal: true })
    assert.deepEqual([named.stdout, named.stderr, named.code], [whole, '', 0])
    const failed = await ask(['-d', '@@/named?status=404'])
    assert.deepEqual([failed.stdout, failed.code], ['', 4])
  })

  test('never overwrites what is there, a link included', async () => {
    await mkdir(files.path('taken'))
    await writeFile(files.path('taken/x.txt'), 'mine')
    await symlink(files.path('target'), files.path('taken/x-1.txt'))
    const { names } = await inFolder('taken', '-d', as('attachment; filename="x.txt"'))
    assert.deepEqual(names, ['x-1.txt', 'x-2.txt', 'x.txt'])
    assert.equal(await readFile(files.path('taken/x.txt'), 'utf8'), 'mine')
    await assert.rejects(readFile(files.path('target')))
  })

  test('follows redirects, and writes nothing of an error', async () => {
    const { names } = await inFolder('follow', '-d', '@@/redirect?to=/named')
    assert.deepEqual(names, ['named.txt'])
    const failed = await inFolder('failed', '-d', as('attachment; filename="x.txt"', '&status=404'))
    assert.deepEqual([failed.code, failed.names], [4, []])
    assert.match(failed.stderr, /^hyper: warning: HTTP\/2 404\n$/)
  })
})

describe('--continue', () => {
  const begun = async (name: string, octets = 10): Promise<string> => files.write(name, whole.slice(0, octets))
  const env = (): Record<string, string> => ({ HYPER_CONFIG_DIR: files.path('config') })

  test('asks for the rest and appends it', async () => {
    for (const origin of [h2, h1]) {
      const path = await begun('rest')
      const { code, stderr } = await ask(['-c', '-o', path, '@@/range'], {}, origin)
      assert.deepEqual([code, stderr], [0, ''])
      assert.equal(await readFile(path, 'utf8'), whole)
      assert.equal(origin.requests.at(-1)?.headers['range'], 'bytes=10-')
    }
  })

  test('--continue starts from the beginning when there is no file, and leaves a complete one alone', async () => {
    const path = files.path('anew')
    assert.equal((await ask(['-c', '-o', path, '@@/range'])).code, 0)
    assert.equal(await readFile(path, 'utf8'), whole)
    const again = await ask(['-d', '-c', '-o', path, '@@/range'])
    assert.deepEqual([again.code, again.stderr], [0, `hyper: ${JSON.stringify(path)} is complete already\n`])
    assert.equal(await readFile(path, 'utf8'), whole)
  })

  for (const [lie, why] of [
    [
      'whole',
      /the server sends the whole file: it has changed, or the server does not support ranges; .* was not changed/,
    ],
    ['none', /a part and does not say which \(content-range: none\)/],
    ['nonsense', /a part and does not say which/],
    ['start', /sends octets from 0, and the file ends before 10/],
    ['total', /an invalid range/],
    ['coded', /a part of gzip data/],
  ] as const) {
    test(`a server that lies about the range (${lie}) is refused, and the file stays`, async () => {
      const path = await begun(`lie-${lie}`)
      const { code, stderr } = await ask(['-c', '-o', path, `@@/range?lie=${lie}`])
      assert.match(stderr, why)
      assert.equal(code, 1)
      assert.equal(await readFile(path, 'utf8'), whole.slice(0, 10))
    })
  }

  test('fewer octets than were announced are an error', async () => {
    const path = await begun('short')
    const { code, stderr } = await ask(['-c', '-o', path, '@@/range?lie=short'])
    assert.match(stderr, /the server announced octets up to 29, but sent them up to 26/)
    assert.equal(code, 1)
  })

  test('after a failure it is said how to go on, and the version is asked for that was begun', async () => {
    const path = files.path('cut')
    const cut = await ask(['-o', path, '@@/part'], { env: env() })
    assert.equal(cut.code, 1)
    assert.match(cut.stderr, /^hyper: ".*cut" holds 10 B, which is not all; to resume: -c -o ".*cut"\nhyper: error: /)
    // The same resource, which ends properly now.
    const note = (await readdir(files.path('config/parts')))[0] ?? ''
    const kept = JSON.parse(await readFile(files.path(`config/parts/${note}`), 'utf8'))
    assert.equal(kept.validator, '"v1"')
    await writeFile(files.path(`config/parts/${note}`), JSON.stringify({ ...kept, url: `${h2.origin}/range` }))
    assert.equal((await ask(['-c', '-o', path, '@@/range'], { env: env() })).code, 0)
    assert.equal(h2.requests.at(-1)?.headers['if-range'], '"v1"')
    assert.equal(await readFile(path, 'utf8'), whole)
    assert.deepEqual(await readdir(files.path('config/parts')), [])
  })

  test('needs a file', async () => {
    assert.match((await ask(['-c', '@@/range'])).stderr, /--continue needs --output/)
    assert.match((await ask(['-c', '-o', '-', '@@/range'])).stderr, /--continue needs a file/)
  })
})

describe('--retry', () => {
  test('tries again after a status that passes, as often as it may, when Retry-After says', async () => {
    failures = 0
    const { code, stdout, stderr } = await ask(['--retry', '3', '@@/sometimes?after=2&status=503'])
    assert.deepEqual([code, stdout], [0, 'after 3'])
    assert.match(stderr, /^hyper: warning: status 503; trying again in 0\.0 s \(3 left\)\n.*\(2 left\)\n$/)
    failures = 0
    const spent = await ask(['-qq', '--retry', '1', '--check-status', '@@/sometimes?after=9&status=429'])
    assert.deepEqual([spent.code, failures], [4, 2])
    failures = 0
    assert.equal((await ask(['--retry', '3', '@@/sometimes?after=9&status=404'])).stdout, 'not yet')
    assert.equal(failures, 1)
  })

  test('tries again after a connection that was lost, also with a body that can be sent again', async () => {
    failures = 0
    const { code, stdout } = await ask(['--retry', '3', '--retry-delay', '0', '@@/resets', 'a=b'], {}, h1)
    assert.deepEqual([code, stdout], [0, 'at last'])
  })

  test('does not send again what cannot be read again', async () => {
    failures = 0
    const { stdout } = await ask(['--retry', '3', '@@/sometimes?after=1&status=503'], { stdin: 'once' })
    assert.deepEqual([stdout, failures], ['not yet', 1])
  })
})

describe('how a server is reached', () => {
  test('--resolve names the address, and the host stays what it was', async () => {
    const url = `https://localhost:${h2.port}/json`
    const { code } = await ask(['--resolve', `localhost:${h2.port}:127.0.0.1`, url])
    assert.equal(code, 0)
    const wrong = await ask(['--resolve', `*:${h2.port}:127.0.0.1`, `https://nowhere.invalid:${h2.port}/json`])
    assert.match(wrong.stderr, /Host: nowhere\.invalid\. is not in the cert's altnames/)
    const proxied = await ask(['--resolve', `*:${h2.port}:127.0.0.1`, '--proxy', 'http://127.0.0.1:1', url])
    assert.match(proxied.stderr, /--resolve has no effect through a proxy/)
    assert.match((await ask(['--resolve', 'a:b', url])).stderr, /--resolve takes HOST:PORT:ADDRESS/)
  })

  test('--unix-socket connects there', { skip: process.platform === 'win32' }, async () => {
    const { createServer } = await import('node:http')
    const path = files.path('sock')
    const server = createServer((request, response) => response.end(`at ${request.headers.host}`)).listen(path)
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const { stdout } = await ask(['--unix-socket', path, 'http://daemon.example/x'])
      assert.equal(stdout, 'at daemon.example')
      const env = { HTTP_PROXY: 'http://127.0.0.1:1' }
      assert.equal((await ask(['--unix-socket', path, 'http://daemon.example/x'], { env })).code, 0)
    } finally {
      server.close()
    }
  })

  test('--interface is the address, or the name, to connect from', async () => {
    assert.equal((await ask(['--interface', '127.0.0.1', '@@/json'])).code, 0)
    assert.match(
      (await ask(['--interface', 'nonsense0', '@@/json'])).stderr,
      /"nonsense0" is neither a network interface nor an IP address/,
    )
  })

  test('--ssl and --ciphers choose what TLS may be', async () => {
    const version = async (...argv: readonly string[]): Promise<string> => {
      const { stderr, code } = await ask([...argv, '--debug', '@@/json'])
      assert.equal(code, 0, stderr)
      return /\* (TLS\S+) with the origin/.exec(stderr)?.[1] ?? ''
    }
    assert.equal(await version('--ssl', 'tls1.2'), 'TLSv1.2')
    assert.equal(await version('--ssl', 'tls1.3'), 'TLSv1.3')
    assert.equal(await version('--ssl', 'tls1.2', '--ciphers', 'ECDHE+AESGCM'), 'TLSv1.2')
    assert.equal((await ask(['--ciphers', 'NONSENSE', '@@/json'])).code, 2)
  })

  test('--window sets the receive window, and an invalid size is refused', async () => {
    assert.equal((await ask(['--window', '64k', '@@/bytes/100000'])).code, 0)
    assert.match((await ask(['--window', '10', '@@/json'])).stderr, /--window takes 1024 octets/)
    assert.match((await ask(['--window', 'x', '@@/json'])).stderr, /--window takes a number of octets/)
  })

  test('--proxy for one scheme is for that scheme alone', async () => {
    const nowhere = 'http://127.0.0.1:1'
    assert.equal((await ask(['--proxy', `http:${nowhere}`, '@@/json'])).code, 0)
    assert.match((await ask(['--proxy', `https:${nowhere}`, '@@/json'])).stderr, /through http:\/\/127\.0\.0\.1:1/)
    assert.match((await ask(['--proxy', `all:${nowhere}`, '@@/json'])).stderr, /through http/)
  })

  test('--priority is sent as the priority field, and an invalid one is refused', async () => {
    await ask(['--priority', 'u=1,i', '@@/json'])
    assert.equal(h2.requests.at(-1)?.headers['priority'], 'u=1,i')
    assert.match((await ask(['--priority', 'u=9', '@@/json'])).stderr, /--priority takes u=0 to u=7/)
  })
})

describe('--limit-rate', () => {
  test('lets everything through, whole', async () => {
    const { octets } = await ask(['--limit-rate', '10M', '@@/bytes/100000'])
    assert.equal(octets.length, 100_000)
    const sent = await ask(['--limit-rate', '10M', '@@/echo-length', '--raw', 'x'.repeat(50_000)])
    assert.equal(sent.stdout, '50000')
  })
})

describe('--format', () => {
  test("has curl's variables", async () => {
    const { stdout } = await ask([
      '-q',
      '-F',
      '-w',
      '%{http_code} %{http_version} %{num_redirects} %{size_download} %{content_type} %header{content-length} 100%%\\n',
      '@@/redirect',
    ])
    assert.equal(stdout, '200 2 1 49 application/json 49 100%\n')
    const timed = await ask(['-w', '\\n%{time_total} %{json}', '@@/json'])
    const [, time = '', json = ''] = /\n(\d+\.\d{6}) (\{.*\})$/.exec(timed.stdout) ?? []
    assert.ok(Number(time) > 0)
    const all = JSON.parse(json)
    assert.deepEqual([all.response_code, all.method, all.remote_ip], [200, 'GET', '127.0.0.1'])
    const other = await ask(['-w', '%{stderr}%{scheme}', '-q', '@@/json'])
    assert.deepEqual([other.stdout, other.stderr], ['', 'https'])
  })

  test('is written after a failure, too', async () => {
    const { stdout, code } = await hyper(['-w', '%{exitcode} %{http_code} %{errormsg}', 'https://localhost:1/'])
    assert.match(stdout, /^1 000 Cannot connect to https:\/\/localhost:1/)
    assert.equal(code, 1)
    assert.equal((await ask(['-q', '--check-status', '-w', '%{exitcode}', '@@/status/404'])).stdout, '4')
  })

  test('from a file, and an unknown variable is refused before anything is sent', async () => {
    const path = await files.write('format', '%{method}')
    assert.equal((await ask(['-q', '-w', `@${path}`, '@@/json'])).stdout, 'GET')
    const before = h2.requests.length
    assert.match((await ask(['-w', '%{nonsense}', '@@/json'])).stderr, /"%\{nonsense\}" is unknown/)
    assert.equal(h2.requests.length, before)
  })
})
