/** How the command ends, redirects, and the options about connections. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { PassThrough, Readable, Writable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { InterruptedError } from '../../src/cli/failures.ts'
import { run } from '../../src/cli/run.ts'
import { testCertificate } from '../support/certificate.ts'
import { HostileServer } from '../support/hostile-server.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { startProxy } from '../support/proxy.ts'
import { type Circumstances, Collected, type Folder, folder, hyper, type Outcome } from './command.ts'

let files: Folder
let h2: TestOrigin
let h1: TestOrigin

before(async () => {
  files = await folder()
  h2 = await startH2Origin()
  h1 = await startH1Origin()
})

after(async () => {
  await h2.close()
  await h1.close()
  await files[Symbol.asyncDispose]()
})

function ask(argv: readonly string[], circumstances: Circumstances = {}, origin = h2): Promise<Outcome> {
  return hyper(['--verify', files.ca, ...argv.map((word) => word.replace(/^@@/, origin.origin))], circumstances)
}

/** As much as anybody takes. */
function endless(): Readable {
  return Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(1 << 16)
    })(),
  )
}

describe('exit codes', () => {
  test('0: help and the version, on standard output', async () => {
    const help = await hyper(['--help'])
    assert.deepEqual([help.code, help.stderr], [0, ''])
    const lines = help.stdout.trimEnd().split('\n')
    assert.ok(lines.length <= 46, `${lines.length} lines`)
    assert.ok(lines.every((line) => line.length <= 100))
    assert.match(help.stdout, /^Usage: hyper \[options\] \[METHOD\] URL \[ITEM\.\.\.\]\n/)
    assert.match(help.stdout, /\nExamples:\n/)
    assert.equal((await hyper(['-h'])).stdout, help.stdout)
    const version = await hyper(['--version'])
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
    assert.equal(version.code, 0)
  })

  for (const [why, argv, message] of [
    ['an unknown option', ['--frm', 'x.org'], /unknown option '--frm' \(Did you mean --form\?\)/],
    ['an option without its value', ['x.org', '--timeout'], /'--timeout <seconds>' argument missing/],
    ['a wrong number of seconds', ['--timeout', 'soon', 'x.org'], /--timeout takes a number of seconds, not "soon"/],
    ['a wrong number of redirects', ['--max-redirects', '-1', 'x.org'], /--max-redirects takes a whole number/],
    ["an option of curl's", ['-X', 'PUT', 'x.org'], /unknown option '-X': the method stands before the URL/],
    ['an unknown part', ['-p', 'hx', 'x.org'], /--print takes letters of HBhbm, not "x"/],
    ['an unknown --pretty', ['--pretty', 'x', 'x.org'], /Allowed choices are all, colors, format, none/],
    ['two protocols', ['--h2', '--http1.1', 'x.org'], /--h2 and --http1\.1 cannot be combined/],
    ['two kinds of body', ['-f', '--multipart', 'x.org'], /--form and --multipart cannot be combined/],
    ['two choices of parts', ['-b', '-v', 'x.org'], /--body and --verbose cannot be combined/],
    ['a key without a certificate', ['--cert-key', 'x', 'x.org'], /--cert-key needs --cert/],
    ['a certificate that is not there', ['--cert', '/no/such', 'x.org'], /--cert cannot be read: ENOENT/],
    [
      'authorities that are not there',
      ['--verify', '/no/such', 'x.org'],
      /--verify "\/no\/such" cannot be read: ENOENT/,
    ],
    ['an empty --verify', ['--verify', '', 'x.org'], /--verify takes yes, no, or a path/],
    ['a password that cannot be asked for', ['-a', 'me', 'x.org'], /--auth needs USER:PASS/],
    ['an item that is none', ['x.org', 'nonsense '], /item "nonsense " is not one of/],
  ] as const) {
    test(`2: ${why}, with a hint`, async () => {
      const { code, stdout, stderr } = await hyper(argv, { stdin: '' })
      assert.match(stderr, message)
      assert.match(stderr, /^hyper: error: [^\n]*\nTry 'hyper --help'\.\n$/)
      assert.deepEqual([code, stdout], [2, ''])
    })
  }

  test('1: no connection, in one line with its code; with --debug the stack as well', async () => {
    const { code, stderr } = await hyper(['http://localhost:1/'])
    assert.match(stderr, /^hyper: error: Cannot connect to http:\/\/localhost:1: [^\n]* \(ERR_HYPER_CONNECT\)\n$/)
    assert.equal(code, 1)
    const debug = await hyper(['--debug', 'http://localhost:1/'])
    assert.match(debug.stderr, /\nConnectError: [^\n]*\n {4}at /)
    assert.match((await hyper(['--debug', '--nonsense'])).stderr, /\nUsageError: /)
  })

  test('1: a broken protocol, after what was received before', async () => {
    const reset = await ask(['@@/reset/2?headers'])
    assert.equal(reset.stdout, 'begin')
    assert.match(
      reset.stderr,
      /^hyper: error: The server .* reset the stream with INTERNAL_ERROR.*\(ERR_HYPER_STREAM_RESET\)\n$/,
    )
    assert.equal(reset.code, 1)
    const cut = await ask(['@@/cut-gzip'])
    assert.match(cut.stderr, /\(ERR_HYPER_CONTENT_DECODING\)\n$/)
    assert.equal(cut.code, 1)
    assert.equal((await ask(['-q', '@@/cut'])).code, 1)
  })

  test('2: a timeout, of the head and of the body', async () => {
    for (const route of ['slow', 'slow-body']) {
      const { code, stderr } = await ask(['--timeout', '0.2', `@@/${route}`])
      assert.match(stderr, /^hyper: error: Timed out: .* \(ERR_HYPER_(?:CONNECT|HEADERS|BODY)_TIMEOUT\)\n$/)
      assert.equal(code, 2)
    }
  })

  test('2: a timeout of an upload that nobody takes', async () => {
    await using origin = await startH2Origin((stream) => void stream.pause())
    const { code, stderr } = await ask(['--timeout', '0.2', '@@/'], { stdin: endless() }, origin)
    assert.match(stderr, /^hyper: error: Timed out: .* \(ERR_HYPER_WRITE_TIMEOUT\)\n$/)
    assert.equal(code, 2)
  })

  test('2: a server of HTTP/2 that says nothing at all', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { code, stderr } = await hyper(['--h2', '--timeout', '0.2', `http://127.0.0.1:${port}/`])
    for (const socket of sockets) socket.destroy()
    server.close()
    assert.match(stderr, /^hyper: error: .*(?:no SETTINGS in time|Timed out).*\n$/)
    assert.equal(code, 2)
  })

  for (const [status, code] of [
    [204, 0],
    [302, 3],
    [404, 4],
    [503, 5],
  ] as const) {
    test(`${code}: status ${status} with --check-status`, async () => {
      const checked = await ask(['--check-status', `@@/status/${status}`])
      assert.equal(checked.code, code)
      assert.equal(checked.stdout, status === 204 ? '' : `status ${status}`)
      assert.equal(checked.stderr, code === 0 ? '' : `hyper: warning: HTTP/2 ${status}\n`)
      assert.equal((await ask([`@@/status/${status}`])).code, 0)
      const terminal = await ask(['--check-status', `@@/status/${status}`], { terminal: true })
      assert.deepEqual([terminal.code, terminal.stderr], [code, ''])
    })
  }

  test('6: too many redirects', async () => {
    const loop = '@@/redirect?to=/redirect?to=/redirect'
    const { code, stderr } = await ask(['-F', '--max-redirects', '1', loop])
    assert.deepEqual([code, stderr], [6, 'hyper: error: too many redirects: more than 1 (--max-redirects)\n'])
    assert.equal((await ask(['-F', '--max-redirects', '3', loop])).code, 0)
    assert.equal((await ask(['-F', '--max-redirects', '0', '@@/redirect'])).code, 6)
  })

  test('130: interrupted, whatever is waited for', async () => {
    for (const route of ['slow', 'slow-body']) {
      const abort = new AbortController()
      const outcome = ask([`@@/${route}`], { signal: abort.signal })
      const seen = h2.requests.length
      while (h2.requests.length === seen) await new Promise((resolve) => setTimeout(resolve, 5))
      abort.abort(new InterruptedError())
      const { code, stderr } = await outcome
      assert.deepEqual([code, stderr], [130, 'hyper: error: Interrupted\n'])
    }
  })
})

test('an interruption ends what is written at length, too', async () => {
  const abort = new AbortController()
  const text = '['.repeat(200_000) + ']'.repeat(200_000)
  await using origin = await startH1Origin(
    {
      '/deep': (_call, answer) => {
        answer.head(200, { 'content-type': 'application/json' })
        answer.end(text)
      },
    },
    { plain: true },
  )
  let written = 0
  const stdout = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.length
        // A terminal takes all at once; the user has seen enough.
        if (written > 1000) setImmediate(() => abort.abort(new InterruptedError()))
        done()
      },
    }),
    { isTTY: true },
  )
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  const stderr = new Collected(true)
  const code = await run([`${origin.origin}/deep`], { stdin, stdout, stderr, env: {}, signal: abort.signal })
  assert.equal(code, 130)
  assert.ok(written < 10_000_000, `${written} octets`)
})

test('an interruption ends connecting, too', async () => {
  const abort = new AbortController()
  // It takes the connection, and says nothing to TLS.
  await using silent = await HostileServer.start({ onSocket: () => abort.abort(new InterruptedError()) })
  const { code } = await ask([silent.origin.replace('http:', 'https:')], { signal: abort.signal })
  assert.equal(code, 130)
})

describe('redirects', () => {
  test('are shown, not followed, without --follow', async () => {
    assert.equal((await ask(['@@/redirect'])).stdout, 'moved')
  })

  for (const [status, method, expected, body] of [
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [302, 'PUT', 'PUT', 'text'],
    [303, 'PUT', 'GET', ''],
    [303, 'HEAD', 'HEAD', ''],
    [307, 'POST', 'POST', 'text'],
    [308, 'POST', 'POST', 'text'],
  ] as const) {
    test(`${status} after ${method} is asked for by ${expected}`, async () => {
      const raw = method === 'HEAD' ? [] : ['--raw', 'text']
      const { code, stdout } = await ask(['-F', ...raw, method, `@@/redirect?status=${status}&to=/echo`])
      const { method: seen, headers } = h2.requests[h2.requests.length - 1]
      assert.deepEqual([code, seen, stdout], [0, expected, body])
      assert.equal(headers['content-type'], body === '' ? undefined : 'application/json')
    })
  }

  test('to another origin: credentials and host stay behind; to the same they go along', async () => {
    const fields = ['Cookie:a=b', 'X-Other:c', '-a', 'me:secret']
    const away = `@@/redirect?to=${encodeURIComponent(`${h1.origin}/json`)}`
    assert.equal((await ask(['-F', away, ...fields, 'Host:me.example'])).code, 0)
    const there = h1.requests[h1.requests.length - 1].headers
    assert.deepEqual([there['authorization'], there['cookie'], there['x-other']], [undefined, undefined, 'c'])
    assert.equal(there['host'], `localhost:${h1.port}`)
    await ask(['-F', '@@/redirect', ...fields, ':authority:me.example'])
    const here = h2.requests[h2.requests.length - 1].headers
    assert.deepEqual([here['authorization'], here['cookie']], ['Basic bWU6c2VjcmV0', 'a=b'])
    assert.equal(here[':authority'], 'me.example')
  })

  test('one connection serves those of one origin', async () => {
    const connections = h2.connections
    await ask(['-F', '@@/redirect?to=/redirect'])
    assert.equal(h2.connections, connections + 1)
  })

  test('only the last response is shown; with -v each head is', async () => {
    assert.match((await ask(['-F', '-p', 'hb', '@@/redirect'])).stdout, /^HTTP\/2 200\n/)
    const { stdout } = await ask(['-F', '-v', '@@/redirect'])
    const lines = stdout.split('\n').filter((line) => /^(?:GET|HTTP)/.test(line))
    assert.deepEqual(lines, ['GET /redirect HTTP/2', 'HTTP/2 302', 'GET /json HTTP/2', 'HTTP/2 200'])
  })

  test('that cannot be followed are errors', async () => {
    const nowhere = await ask(['-F', '@@/redirect?to=ftp://x/'])
    assert.deepEqual([nowhere.code, nowhere.stderr.includes('neither http nor https')], [1, true])
    const spent = await ask(['-F', '@@/redirect?status=307'], { stdin: 'body' })
    assert.match(spent.stderr, /redirects \(307\), and the body, standard input, cannot be read again/)
    assert.match((await ask(['-F', `@@/redirect?to=${encodeURIComponent('http://[')}`])).stderr, /which is not a URL/)
  })
})

describe('options about the connection', () => {
  test('--h2 and --http1.1 choose the protocol, or fail', async () => {
    await using both = await startH2Origin({}, { server: { allowHTTP1: true } })
    const version = async (...argv: readonly string[]): Promise<string> =>
      (await ask([...argv, '-H', '@@/json'], {}, both)).stdout.split(' ')[0]
    assert.equal(await version(), 'HTTP/2')
    assert.equal(await version('--h2'), 'HTTP/2')
    assert.equal(await version('--http1.1'), 'HTTP/1.1')
    assert.equal((await ask(['--h2', '@@/json'], {}, h1)).code, 1)
    assert.equal((await ask(['--http1.1', '@@/json'])).code, 1)
  })

  test('--h2 without TLS speaks it by prior knowledge', async () => {
    await using plain = await startH2Origin({}, { plain: true })
    const { stdout, code } = await hyper(['--h2', '-H', `${plain.origin}/json`])
    assert.match(stdout, /^HTTP\/2 200\n/)
    assert.equal(code, 0)
  })

  test('servers are verified; --verify no asks for nothing', async () => {
    for (const yes of [[], ['--verify', 'yes']]) {
      const { code, stderr } = await hyper([...yes, `${h2.origin}/json`])
      assert.match(stderr, /unable to verify the first certificate/)
      assert.equal(code, 1)
    }
    assert.equal((await hyper(['--verify', 'no', `${h2.origin}/json`])).code, 0)
  })

  test('--cert, --cert-key and --cert-key-pass show a certificate', async () => {
    const { ca, clientCert, clientKey } = await testCertificate()
    await using strict = await startH2Origin({}, { server: { ca, requestCert: true, rejectUnauthorized: true } })
    const cert = await files.write('client.pem', clientCert)
    const key = await files.write('client.key', clientKey)
    const both = await files.write('both.pem', `${clientCert}\n${clientKey}`)
    const cipher = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' } as const
    const locked = await files.write('locked.key', createPrivateKey(clientKey).export(cipher))
    // The old way to encrypt it has fields, whose names have hyphens.
    const type = createPrivateKey(clientKey).asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs1'
    const old = createPrivateKey(clientKey).export({ ...cipher, type })
    const lockedBoth = await files.write('locked.pem', `${clientCert}\n${String(old)}`)
    for (const argv of [
      ['--cert', cert, '--cert-key', key],
      ['--cert', both],
      ['--cert', cert, '--cert-key', locked, '--cert-key-pass', 'open'],
      ['--cert', lockedBoth, '--cert-key-pass', 'open'],
      ['--verify', 'no', '--cert', both],
    ]) {
      const { code, stderr } = await ask([...argv, '@@/json'], {}, strict)
      assert.deepEqual([code, stderr], [0, ''])
    }
    assert.equal((await ask(['@@/json'], {}, strict)).code, 1)
    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    stdin.write('open\r')
    const asked = await ask(['--cert', cert, '--cert-key', locked, '@@/json'], { stdin }, strict)
    assert.deepEqual([asked.code, asked.stderr], [0, `Passphrase of ${locked}: \n`])
    assert.match(
      (await ask(['--cert', cert, '@@/json'])).stderr,
      /contains no private key: name its file by --cert-key/,
    )
    assert.match(
      (await ask(['--cert', cert, '--cert-key', locked, '@@/json'], { stdin: '' })).stderr,
      /^hyper: error: the key of --cert cannot be read: it is encrypted: give its passphrase by --cert-key-pass/,
    )
  })

  test('--proxy, and the environment, name a proxy', async () => {
    await using proxy = await startProxy()
    await using plain = await startH1Origin({}, { plain: true })
    const asked = async (argv: readonly string[], env: Record<string, string> = {}): Promise<number> => {
      const before = proxy.asked.length
      const { code, stderr } = await ask(argv, { env })
      assert.deepEqual([code, stderr], [0, ''])
      return proxy.asked.length - before
    }
    assert.equal(await asked(['--proxy', proxy.url, '@@/json']), 1)
    assert.equal(proxy.asked.at(-1)?.method, 'CONNECT')
    assert.equal(await asked(['--proxy', new URL(proxy.url).host, `${plain.origin}/json`]), 1)
    assert.equal(await asked(['@@/json'], { HTTPS_PROXY: proxy.url }), 1)
    assert.equal(await asked([`${plain.origin}/json`], { HTTPS_PROXY: proxy.url }), 0)
    assert.equal(await asked([`${plain.origin}/json`], { http_proxy: proxy.url }), 1)
    assert.equal(await asked(['@@/json'], { HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost' }), 0)
    const wrong = await ask(['@@/json'], { env: { HTTPS_PROXY: 'ftp://me:secret@x' } })
    assert.match(
      wrong.stderr,
      /^hyper: error: HTTPS_PROXY must be the URL of an http:, https:, socks5: or socks4: proxy\n/,
    )
    assert.match((await ask(['--proxy', 'ftp://x', '@@/json'])).stderr, /: --proxy must be the URL/)
    assert.equal(await asked(['--proxy', 'none', '@@/json'], { HTTPS_PROXY: proxy.url }), 0)
  })

  test('--auth, and credentials in the URL, are Basic authentication', async () => {
    const authorization = async (...argv: readonly string[]): Promise<unknown> => {
      assert.equal((await ask(argv)).code, 0)
      return h2.requests[h2.requests.length - 1].headers['authorization']
    }
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
    assert.equal(await authorization('-a', 'me:a:b', '@@/json'), basic('me:a:b'))
    assert.equal(await authorization('-a', 'me:', '@@/json'), basic('me:'))
    const url = h2.origin.replace('//', '//me%40x:p%zz@')
    assert.equal(await authorization(`${url}/json`), basic('me@x:p%zz'))
    assert.equal(await authorization('-a', 'me:x', '@@/json', 'Authorization:Bearer y'), 'Bearer y')
  })
})

describe('a password', () => {
  const type = async (keys: string): Promise<Outcome> => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    stdin.write(keys)
    return ask(['-a', 'me', '@@/json'], { stdin })
  }

  test('is asked for on a terminal, and not shown', async () => {
    const { code, stderr } = await type('se:cret\r')
    assert.deepEqual([code, stderr], [0, 'Password of me: \n'])
    const { authorization } = h2.requests[h2.requests.length - 1].headers
    assert.equal(authorization, `Basic ${Buffer.from('me:se:cret').toString('base64')}`)
  })

  test('may be refused by Ctrl-C and Ctrl-D', async () => {
    assert.equal((await type('sec\x03')).code, 130)
    const ended = await type('\x04')
    assert.deepEqual([ended.code, ended.stderr.includes('no password was given')], [2, true])
  })
})

describe('looking on', () => {
  test('--debug shows each frame and the state of HPACK on standard error, secrets left out', async () => {
    const { stdout, stderr, code } = await ask(['--debug', '@@/json', 'Cookie:secret=1'])
    assert.deepEqual([code, JSON.parse(stdout).hello], [0, 'world'])
    assert.match(stderr, /^\* connecting to https:\/\/localhost:\d+\n/)
    assert.match(stderr, /\n\* TLSv1\.3 with the origin, \S+, h2\n/)
    assert.match(stderr, /\n\[\d+\] > HEADERS stream 1: \d+ octets, END_STREAM, END_HEADERS\n/)
    assert.match(stderr, /\n\[\d+\] > {3}:method: GET \| .* \| cookie: \*\*\*/)
    assert.match(stderr, /\n\[\d+\] < {3}HPACK: \d+ octets; table of \d+ entries, \d+ octets\n/)
    assert.match(stderr, /\n\[\d+\] < DATA stream 1/)
    assert.match(stderr, /\n\[\d+\] > GOAWAY/)
    assert.doesNotMatch(stderr, /secret/)
    assert.equal((await ask(['@@/json'])).stderr, '')
  })

  test('--timing shows how long each step took, on standard error', async () => {
    const steps = ['dns', 'tcp', 'tls', 'sent', 'first byte', 'done', 'total']
    const { stderr } = await ask(['--timing', '@@/json'])
    const [first, ...lines] = stderr.trimEnd().split('\n')
    assert.match(first, /^GET https:\/\/localhost:\d+\/json {2}200$/)
    assert.deepEqual(
      lines.map((line) => line.slice(2, 12).trim()),
      steps,
    )
    for (const line of lines) assert.match(line.slice(12), /^ +\d+\.\d ms(?: {2}\| *#+ *\|)?$/)
    const failed = await hyper(['--timing', 'http://localhost:1/'])
    assert.match(failed.stderr, /^GET .*\n {2}dns .*\n {2}total .*\nhyper: error: /)
  })

  test('--timing shows redirects under each other, the second without a connection of its own', async () => {
    const { stderr } = await ask(['--timing', '-F', '@@/redirect'])
    assert.match(stderr, /^GET .*\/redirect {2}302\n {2}dns /)
    assert.match(stderr, /\nGET .*\/json {2}200\n {2}sent /)
  })
})
