/** Looking closer: traces, archives, TLS, SETTINGS, PING, pushes, load runs, and the request as code. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { runModule } from '../support/child.ts'
import { type Routes, startDualOrigin, startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { type Circumstances, type Folder, folder, hyper, type Outcome } from './command.ts'

let files: Folder
let h2: TestOrigin
let both: TestOrigin

before(async () => {
  files = await folder()
  h2 = await startH2Origin()
  both = await startDualOrigin()
})

after(async () => {
  await h2.close()
  await both.close()
  await files[Symbol.asyncDispose]()
})

function ask(argv: readonly string[], circumstances: Circumstances = {}, origin = h2): Promise<Outcome> {
  return hyper(['--verify', files.ca, ...argv.map((word) => word.replace(/^@@/, origin.origin))], circumstances)
}

describe('--trace', () => {
  test('--trace writes each frame with its time, and hyper trace prints the file as a table', async () => {
    const path = files.path('trace')
    assert.equal((await ask(['--trace', path, '@@/json', 'Cookie:secret=1'])).code, 0)
    const text = await readFile(path, 'utf8')
    assert.doesNotMatch(text, /secret/)
    const entries = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const frames = entries.filter(({ frame }) => frame !== undefined)
    assert.deepEqual(
      frames
        .filter(({ stream }) => stream === 1)
        .map(({ direction, frame }) => `${direction} ${frame}`)
        .slice(0, 3),
      ['sent HEADERS', 'received HEADERS', 'received DATA'],
    )
    assert.ok(frames.every(({ time }, i) => i === 0 || time >= frames[i - 1].time))
    const table = await hyper(['trace', path])
    assert.equal(table.code, 0)
    assert.match(table.stdout, /^ +ms +gap +con +stream +frame\n/)
    assert.match(table.stdout, /\n +\d+\.\d{3} +\d+\.\d{3} +\d+ +1 +> HEADERS: \d+ octets, END_STREAM, END_HEADERS\n/)
    assert.match(table.stdout, /> GOAWAY: NO_ERROR, last stream 0\n/)
    assert.match(table.stdout, /\n {35}:method: GET \| /)
  })

  test('a file that is no trace is refused; what is in one cannot act', async () => {
    const path = await files.write('broken-trace', '{"time":1}\n')
    const { code, stderr } = await hyper(['trace', path])
    assert.match(stderr, /is not a trace: line 1 cannot be read as one/)
    assert.equal(code, 2)
    const attack = { time: 1, connection: 1, direction: 'sent', frame: 'DATA', text: '\x1b]0;x\x07' }
    const bad = await files.write('bad-trace', JSON.stringify(attack))
    assert.ok((await hyper(['trace', bad])).stdout.includes('\\x1b]0;x\\x07'))
    assert.match((await ask(['--trace', '/no/such/file', '@@/json'])).stderr, /"\/no\/such\/file" cannot be written/)
  })

  test('trace before a URL is a method', async () => {
    await ask(['trace', '@@/echo'])
    assert.equal(h2.requests.at(-1)?.method, 'TRACE')
  })
})

test('--har writes an archive of all requests, with their bodies', async () => {
  const path = files.path('har')
  assert.equal((await ask(['--har', path, '-F', '@@/redirect', 'X-A:b'])).code, 0)
  const { log } = JSON.parse(await readFile(path, 'utf8'))
  assert.equal(log.version, '1.2')
  assert.deepEqual(
    log.entries.map((entry: { response: { status: number } }) => entry.response.status),
    [302, 200],
  )
  const [first, second] = log.entries
  assert.equal(first.response.redirectURL, '/json')
  assert.ok(first.request.headers.some((field: { name: string; value: string }) => field.name === 'x-a'))
  assert.equal(JSON.parse(second.response.content.text).hello, 'world')
  for (const name of ['blocked', 'dns', 'connect', 'ssl', 'send', 'wait', 'receive']) {
    assert.equal(typeof second.timings[name], 'number')
  }
  assert.ok(first.timings.ssl > 0)
  await ask(['--har', path, '@@/bytes/10'])
  const [binary] = JSON.parse(await readFile(path, 'utf8')).log.entries
  assert.equal(Buffer.from(binary.response.content.text, binary.response.content.encoding).length, 10)
})

describe('when a request is sent', () => {
  /** Seconds in HAR and in --format are of the same clock as these. */
  async function upload(
    protocol: '--h2' | '--http1.1',
    argv: (size: number) => Promise<readonly string[]>,
  ): Promise<void> {
    let held = 0
    // Over HTTP/2 more than the first window, over HTTP/1.1 more than the buffers of both systems.
    const size = protocol === '--h2' ? 200_000 : 64 << 20
    const routes: Routes = {
      '*': async (call, answer) => {
        const start = performance.now()
        // Nothing is read meanwhile.
        await setTimeout(60)
        held = performance.now() - start
        let octets = 0
        for await (const chunk of call.body) octets += Buffer.byteLength(chunk)
        answer.head(200)
        answer.end(String(octets))
      },
    }
    await using origin = await (protocol === '--h2' ? startH2Origin(routes) : startH1Origin(routes))
    const har = files.path('sent-har')
    const { stdout, stderr, code } = await ask(
      [
        '-b',
        '--har',
        har,
        '-w',
        ' %{time_appconnect} %{time_posttransfer}',
        protocol,
        'POST',
        '@@/',
        ...(await argv(size)),
      ],
      {},
      origin,
    )
    assert.deepEqual([stderr, code], ['', 0])
    const [octets, connected, sent] = stdout.split(' ').map(Number)
    assert.equal(octets, size)
    assert.ok((sent - connected) * 1000 >= held - 1, `${sent - connected} s, held up for ${held} ms`)
    const [entry] = JSON.parse(await readFile(har, 'utf8')).log.entries
    assert.ok(entry.timings.send >= held - 1)
    assert.equal(entry.request.bodySize, size)
  }

  for (const protocol of ['--h2', '--http1.1'] as const) {
    test(`is known when a body that is held up has gone, ${protocol}`, async () => {
      const path = files.path('big')
      await upload(protocol, async (size) => {
        await writeFile(path, Buffer.alloc(size))
        return [`@${path}`, '--ignore-stdin']
      })
      await upload(protocol, async (size) => ['--raw', 'x'.repeat(size)])
    })
  }
})

test('--tls shows version, cipher, and the certificates with the days that are left', async () => {
  const { stderr, code } = await ask(['-q', '--tls', '@@/json'])
  assert.equal(code, 0)
  assert.match(stderr, /^TLS version: {5}TLSv1\.[23]\nCipher: +TLS_\w+\nKey exchange: +\S/)
  assert.match(stderr, /\nALPN: +h2\nServer name: +localhost\nVerified: +yes\n/)
  assert.match(stderr, /\nCertificate 0\n {2}Subject: +CN=localhost\n {2}Names: +DNS:localhost/)
  assert.match(stderr, /\n {2}Valid until: +\d{4}-\d\d-\d\d \(\d+ days left\)\n/)
  await using plain = await startH1Origin({}, { plain: true })
  assert.equal((await hyper(['-q', '--tls', `${plain.origin}/json`])).stderr, 'TLS: none\n')
})

test('--settings shows what the server announced, with what it means', async () => {
  await using origin = await startH2Origin({}, { server: { settings: { maxConcurrentStreams: 7 } } })
  const { stderr } = await ask(['-q', '--settings', '@@/json'], {}, origin)
  assert.match(stderr, /^SETTINGS of https:\/\/localhost:\d+\n/)
  assert.match(stderr, /\n {2}MAX_CONCURRENT_STREAMS +7 {2}7 requests at once\n/)
  const none = await ask(['-q', '--settings', '--http1.1', '@@/json'], {}, both)
  assert.equal(none.stderr, 'SETTINGS: none came\n')
})

test('--ping shows round trips, as ping(8) does', async () => {
  const { stdout, code } = await ask(['--ping', '-n', '2', '@@/'])
  assert.equal(code, 0)
  assert.match(
    stdout,
    /^PING https:\S+ \(127\.0\.0\.1\): 8 octets of data over HTTP\/2\n(?:8 octets from 127\.0\.0\.1: seq=[12] time=\d+\.\d{3} ms\n){2}\n--- \S+ ping statistics ---\n2 sent, 2 answered, 0% lost, time \d+ ms\nrtt min\/avg\/max\/mdev = (?:\d+\.\d{3}[/ ]){4}ms\n$/,
  )
  assert.equal((await ask(['--ping', '-c', '1', '--http1.1', '@@/'], {}, both)).code, 1)
})

test('--push shows what the server pushed', async () => {
  await using origin = await startH2Origin((stream, headers) => {
    if (headers[':path'] !== '/') return stream.respond({ ':status': 404 }, { endStream: true })
    stream.pushStream({ ':path': '/style.css' }, (_error, pushed) => {
      pushed.respond({ ':status': 200 })
      pushed.end('body {}')
      stream.respond({ ':status': 200 })
      stream.end('page')
    })
  })
  const { stdout } = await ask(['--push', '@@/'], {}, origin)
  assert.match(stdout, /^page\n\npushed: GET https:\/\/localhost:\d+\/style\.css: 200, 7 octets\n$/)
  assert.match((await ask(['--push', '@@/json'])).stdout, /\npushed: nothing\n$/)
})

describe('-n and -c', () => {
  test('send the request so often, so many at once, and say how long they took', async () => {
    const before = both.requests.length
    const { stdout, code } = await ask(['-n', '20', '-c', '5', '@@/echo', 'a=b'], {}, both)
    assert.equal(code, 0)
    assert.equal(both.requests.length, before + 20)
    assert.match(stdout, /^HTTP\/2: 20 requests, 5 at once\n {2}time +\d/)
    assert.match(stdout, /\n {2}outcome +200: 20\n/)
    assert.match(stdout, /\n {2}p50 \d+\.\d\d, p90 \d+\.\d\d, p99 \d+\.\d\d ms\n/)
    assert.equal(stdout.match(/\n {2}to +\d+\.\d\d ms +\d+ \|/g)?.length, 10)
  })

  test('--compare puts HTTP/2 and HTTP/1.1 beside each other', async () => {
    const { stdout, code } = await ask(['-n', '10', '-c', '2', '--compare', '@@/json'], {}, both)
    assert.equal(code, 0)
    assert.match(stdout, /^HTTP\/2: 10 requests, 2 at once +HTTP\/1\.1: 10 requests, 2 at once\n/)
  })

  test('failures are counted, and end with 1', async () => {
    const { stdout, code } = await ask(['-n', '3', '@@/reset/2'])
    assert.match(stdout, /outcome +ERR_HYPER_STREAM_RESET: 3/)
    assert.equal(code, 1)
  })

  test('go with nothing that they would not do', async () => {
    for (const other of [['-o', 'x'], ['-F'], ['--har', 'x'], ['--check-status']]) {
      assert.match((await ask(['-n', '2', ...other, '@@/json'])).stderr, /--count and --\S+ cannot be combined/)
    }
    assert.match(
      (await ask(['-n', '2', '-A', 'digest', '-a', 'a:b', '@@/json'])).stderr,
      /cannot be used with digest authentication/,
    )
  })

  test('are refused for the server of somebody else, unless --yes, and without measure', async () => {
    assert.match(
      (await ask(['-n', '5', 'https://example.invalid/'])).stderr,
      /not this machine: add --yes if you are allowed to/,
    )
    assert.match((await ask(['-n', '5', '--yes', 'https://example.invalid/'])).stderr, /Cannot connect/)
    assert.match((await ask(['-n', '999999', '@@/json'])).stderr, /--count takes 1 to 100000/)
    assert.match((await ask(['-n', '9999', '-c', '5000', '@@/json'])).stderr, /--concurrency takes 1 to 1000/)
    assert.match((await ask(['-n', '5', '@@/json'], { stdin: 'once' })).stderr, /standard input can be read only once/)
  })
})

describe('the request as code', () => {
  const request = [
    '-A',
    'bearer',
    '-a',
    "it's",
    "X-Quote:a'b",
    'name=O\'Hara "x" \\ $HOME',
    'n[]:=12345678901234567890',
  ]

  test('of curl does the same', async () => {
    const before = h2.requests.length
    const { stdout, stderr } = await ask(['--curl', '@@/echo', ...request])
    assert.deepEqual([stderr, h2.requests.length], ['', before])
    const { stdout: answer } = await promisify(execFile)('sh', ['-c', `${stdout.trimEnd()} --silent`])
    assert.equal(answer, '{"name": "O\'Hara \\"x\\" \\\\ $HOME", "n": [12345678901234567890]}')
    const seen = h2.requests.at(-1)
    assert.deepEqual([seen?.method, seen?.headers['authorization']], ['POST', "Bearer it's"])
    assert.deepEqual([seen?.headers['x-quote'], seen?.headers['content-type']], ["a'b", 'application/json'])
  })

  for (const library of ['axios', 'got', 'fetch', 'undici']) {
    test(`of ${library} does the same`, async () => {
      const { stdout } = await hyper(['--code', library, 'put', `${h2.origin}/echo`, ...request])
      const before = h2.requests.length
      const script = stdout
        .replace(
          /^import \{ (\w+) \} from 'hyper-transport\/(\w+)'$/gm,
          "const { $1 } = await import(root + 'adapters/$2.ts')",
        )
        .replace(/^import (.*) from '([\w-]+)'$/gm, (_, names, name) =>
          names.startsWith('{')
            ? `const ${names} = await import('${name}')`
            : `const ${names} = (await import('${name}')).default`,
        )
        .replace(/^console\.log\((.*)\)$/m, 'console.log(JSON.stringify([$1]))')
      const [status] = (await runModule(script, { NODE_EXTRA_CA_CERTS: files.ca })) as [number]
      assert.equal(status, 200)
      assert.equal(h2.requests.length, before + 1)
      const seen = h2.requests.at(-1)
      assert.deepEqual([seen?.method, seen?.headers['authorization']], ['PUT', "Bearer it's"])
      assert.equal(seen?.headers['x-quote'], "a'b")
    })
  }

  test('of curl has the options about connections, too; a library has no place for them', async () => {
    const argv = ['--h2', '--proxy', 'none', '-F', '--timeout', '2', '-A', 'digest', '-a', 'me:x', '@@/echo']
    const { stdout } = await ask(['--curl', ...argv])
    for (const word of ['--http2', "--noproxy '*'", '--location', '--connect-timeout 2', '--digest --user me:x']) {
      assert.ok(stdout.includes(` ${word} `), word)
    }
    assert.ok(stdout.includes(`--cacert ${files.ca}`))
    assert.match((await ask(['--code', 'got', '@@/echo'])).stderr, /--code cannot express --verify: leave it out/)
    assert.match(
      (await hyper(['--code', 'undici', '-F', 'x.org'])).stderr,
      /undici does not follow redirects by itself/,
    )
  })

  test('has the cookies of a session', async () => {
    const path = files.path('session.json')
    await ask(['--session', path, '@@/set-cookie'])
    assert.match((await ask(['--session', path, '--curl', '@@/echo'])).stdout, /--header 'cookie: a=1; b=2'/)
    assert.match((await ask(['--session', path, '--offline', '@@/echo'])).stdout, /\ncookie: a=1; b=2\n/)
  })

  test('--code of a body that is not text is refused', async () => {
    const path = await files.write('binary', Buffer.from([0xff, 0]))
    assert.match((await ask(['--curl', '@@/echo', `@${path}`])).stderr, /the body is not text/)
  })
})
