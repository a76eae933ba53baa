/** What the command shows: in a pipe, on a terminal, and by its options. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { PassThrough, Writable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { codedText, jsonBody, patternBytes } from '../support/routes.ts'
import { type Circumstances, Collected, type Folder, folder, hyper } from './command.ts'

let files: Folder
let h2: TestOrigin
let h1: TestOrigin

before(async () => {
  files = await folder()
  const routes = {
    '/type': (call, answer) => {
      answer.head(200, { 'content-type': call.query.get('type') ?? '' })
      answer.end(Buffer.from(call.query.get('hex') ?? '', 'hex'))
    },
    '/attack': (_call, answer) => {
      answer.head(200, {
        'content-type': 'text/plain',
        'x-bad': 'a\x9bb',
        'x-utf8': Buffer.from('é\u202e').toString('latin1'),
      })
      answer.end('\x1b]0;title\x07 \u009b31m \u202e \x7f one\r\ntwo\rthree\tend')
    },
    '/json-attack': (_call, answer) => {
      answer.head(200, { 'content-type': 'application/json' })
      answer.end('{"a":"\u009b31m\u202e"}')
    },
    '/cut-json': (_call, answer) => {
      answer.head(200, { 'content-type': 'application/json' })
      answer.write('{"a": 1, "b":')
      setImmediate(() => answer.reset(2))
    },
    '/events': (_call, answer) => {
      answer.head(200, { 'content-type': 'text/event-stream' })
      answer.write('data: 1\n\n')
      setImmediate(() => answer.end('data: 2\n\n'))
    },
  } satisfies Parameters<typeof startH2Origin>[0]
  h2 = await startH2Origin(routes)
  h1 = await startH1Origin(routes)
})

after(async () => {
  await h2.close()
  await h1.close()
  await files[Symbol.asyncDispose]()
})

async function ask(argv: readonly string[], circumstances: Circumstances = {}, origin = h2): Promise<string> {
  const args = argv.map((word) => word.replace(/^@@/, origin.origin))
  const outcome = await hyper(['--verify', files.ca, ...args], circumstances)
  assert.equal(outcome.stderr, '')
  assert.equal(outcome.code, 0)
  return outcome.stdout
}

/** As a terminal shows it, without colours. */
const terminal: Circumstances = { terminal: true }
const uncoloured = (text: string): string => text.replace(/\x1b\[\d+m/g, '')
const withoutDate = (text: string): string => text.replace(/^date: .*\n/gim, '')

describe('in a pipe', () => {
  test('the body, octet by octet, decoded', async () => {
    const { octets } = await hyper(['--verify', files.ca, `${h2.origin}/bytes/100000`])
    assert.deepEqual(octets, patternBytes(100_000))
    assert.equal(await ask(['@@/json']), JSON.stringify(jsonBody))
    for (const coding of ['gzip', 'br', 'zstd', 'deflate', 'chain'])
      assert.equal(await ask([`@@/${coding}`]), codedText)
  })

  test('control characters stay', async () => {
    assert.equal(await ask(['@@/attack']), '\x1b]0;title\x07 \u009b31m \u202e \x7f one\r\ntwo\rthree\tend')
    assert.match(await ask(['--http1.1', '-H', '@@/attack'], {}, h1), /x-utf8: é\u202e\n/)
  })

  test('--pretty format and --pretty colors change it', async () => {
    assert.equal(await ask(['--pretty', 'format', '@@/echo', 'a:=[1]']), '{\n    "a": [\n        1\n    ]\n}')
    assert.equal(await ask(['--pretty', 'colors', '@@/echo', 'a:=1']), '{\x1b[34m"a"\x1b[39m: \x1b[36m1\x1b[39m}')
    const { octets } = await hyper(['--verify', files.ca, '--pretty', 'all', `${h2.origin}/bytes/3000`])
    assert.deepEqual(octets, patternBytes(3000))
  })
})

describe('on a terminal', () => {
  test('head and body, in colour, JSON in lines', async () => {
    const shown = await ask(['@@/json'], terminal)
    assert.match(shown, /^HTTP\/2 \x1b\[32m200\x1b\[39m\n\x1b\[36mcontent-type\x1b\[39m: application\/json\n/)
    assert.match(shown, /\n\n\{\n {4}\x1b\[34m"hello"\x1b\[39m: \x1b\[32m"world"\x1b\[39m,\n/)
    assert.ok(shown.endsWith('}\n'))
    assert.deepEqual(JSON.parse(uncoloured(shown).split('\n\n')[1]), jsonBody)
  })

  test('--pretty format and --pretty none have no colours', async () => {
    const plain = await ask(['--pretty', 'none', '-b', '@@/json'], terminal)
    assert.equal(plain, `${JSON.stringify(jsonBody)}\n`)
    const formatted = await ask(['--pretty', 'format', '@@/json'], terminal)
    assert.equal(formatted, uncoloured(formatted))
    assert.match(formatted, /\n {4}"hello": "world",\n/)
  })

  test('a reason phrase is shown over HTTP/1.1', async () => {
    assert.match(uncoloured(await ask(['@@/json'], terminal, h1)), /^HTTP\/1\.1 200 OK\n/)
  })

  test('control characters of heads and bodies are escaped', async () => {
    const shown = uncoloured(await ask(['@@/attack'], terminal))
    assert.ok(shown.endsWith('\n\n\\x1b]0;title\\x07 \\x9b31m \\u202e \\x7f one\ntwo\\x0dthree\tend\n'), shown)
    assert.match(shown, /\nx-utf8: é\\u202e\n/)
    assert.match(shown, /\nx-bad: a\\x9bb\n/)
    assert.match(uncoloured(await ask(['-b', '@@/json-attack'], terminal)), /"a": "\\x9b31m\\u202e"/)
    assert.match(await ask(['--pretty', 'none', '-b', '@@/attack'], terminal), /^\\x1b/)
  })

  test('binary data is not shown; its size is', async () => {
    const note = /\n\n\(binary data of 100000 octets, not shown on a terminal; -o FILE saves it\)\n$/
    assert.match(uncoloured(await ask(['@@/bytes/100000'], terminal)), note)
    assert.match(uncoloured(await ask(['@@/bytes/100000?length'], terminal)), note)
    assert.match(await ask(['-b', '@@/type?type=image/x&hex=ff80'], terminal), /binary data of 2 octets/)
  })

  test('text in another character set is understood', async () => {
    assert.equal(await ask(['-b', '@@/type?type=text/plain;charset=latin1&hex=e9'], terminal), 'é\n')
    assert.equal(await ask(['-b', '@@/type?type=text/plain;charset=utf-16le&hex=e9000a00'], terminal), 'é\n')
    assert.equal(await ask(['-b', '@@/type?type=text/plain;charset=nonsense&hex=c3a9'], terminal), 'é\n')
  })

  test('what is not JSON, though it says so, is shown as it is', async () => {
    assert.equal(await ask(['-b', '@@/type?type=application/json&hex=7b0d0a'], terminal), '{\n')
    assert.equal(await ask(['-b', '@@/type?type=application/json&hex=7b0d'], terminal), '{\\x0d\n')
  })

  test('JSON that is cut off is shown as far as it came', async () => {
    const { stdout, stderr, code } = await hyper(['--verify', files.ca, `${h2.origin}/cut-json`], terminal)
    assert.match(uncoloured(stdout), /\n\n\{"a": 1, "b":\n$/)
    assert.match(stderr, /^hyper: error: /)
    assert.equal(code, 1)
  })

  test('JSON that is too long to be kept is shown as it is', async () => {
    const text = `["${'x'.repeat(17_000_000)}" , 1]`
    const path = await files.write('large.json', text)
    assert.equal(await ask(['--pretty', 'format', '@@/echo', `@${path}`]), text)
  })

  test('a stream of events is shown as it comes', async () => {
    assert.equal(await ask(['-b', '@@/events'], terminal), 'data: 1\n\ndata: 2\n\n')
  })
})

describe('the parts', () => {
  test('--print chooses; heads and bodies of request and response in their order', async () => {
    const shown = withoutDate(await ask(['-p', 'HBhb', '@@/echo', 'a=b', 'X-Mine:1']))
    assert.match(shown, /^POST \/echo HTTP\/2\nhost: localhost:\d+\nuser-agent: hyper\/.*\naccept: /)
    assert.match(shown, /\nx-mine: 1\ncontent-length: 10\n\n\{"a": "b"\}\n\nHTTP\/2 200\nx-method: POST\n/)
    assert.ok(shown.endsWith('\n\n{"a": "b"}'))
  })

  test('-v is the same, -b the body, -H the head, -q nothing', async () => {
    const verbose = await ask(['-v', '@@/json', '--http1.1'], {}, h1)
    assert.match(verbose, /^GET \/json HTTP\/1\.1\n[\s\S]*\n\nHTTP\/1\.1 200 OK\n[\s\S]*\n\n\{"hello"/)
    assert.equal(await ask(['-b', '@@/json'], { terminal: false }), JSON.stringify(jsonBody))
    assert.equal(await ask(['-H', '@@/json']), (await ask(['-p', 'h', '@@/json'])).replace(/.*/, 'HTTP/2 200'))
    assert.equal(await ask(['-q', '@@/bytes/200000'], terminal), '')
  })

  test('a body that is not text at hand is named', async () => {
    const path = await files.write('some.bin', 'abc')
    assert.equal(
      await ask(['-p', 'B', '@@/json', `@${path}`]),
      `(the body comes from ${JSON.stringify(path)}, 3 octets)\n`,
    )
    assert.equal(await ask(['-p', 'B', '@@/json'], { stdin: 'x' }), '(the body comes from standard input)\n')
  })

  test('-p m says how it went', async () => {
    assert.match(
      await ask(['-p', 'm', '@@/json']),
      /^Protocol: HTTP\/2\nRemote address: 127\.0\.0\.1 port \d+\nElapsed time: \d+\.\d{3} s\n$/,
    )
  })

  for (const [name, origin] of [
    ['HTTP/2', () => h2],
    ['HTTP/1.1', () => h1],
  ] as const) {
    test(`trailers follow the body wherever heads are shown, over ${name}`, async () => {
      const ending = /\nx-checksum: abc\nx-second: 2\n$/
      assert.match(await ask(['-p', 'hb', '@@/trailers'], {}, origin()), new RegExp(`\\n\\nhello\\n${ending.source}`))
      assert.match(await ask(['-H', '@@/trailers'], {}, origin()), ending)
      assert.equal(await ask(['@@/trailers'], {}, origin()), 'hello')
    })

    test(`informational responses come before the head, over ${name}`, async () => {
      assert.match(
        await ask(['-p', 'hb', '@@/103'], {}, origin()),
        /^HTTP\/[12.]+ 103\nlink: <\/style\.css>; rel=preload\n\nHTTP\/[12.]+ 200/i,
      )
      assert.equal(await ask(['@@/103'], {}, origin()), 'after hints')
    })
  }

  test('informational responses do not come between the lines of a head, however slow the reader', async () => {
    const shown: string[] = []
    const stdout = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        shown.push(chunk.toString())
        // The answer comes meanwhile.
        setImmediate(() => setImmediate(done))
      },
    })
    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    const stderr = new Collected(false)
    const argv = ['--verify', files.ca, '-p', 'Hh', `${h2.origin}/103`, 'x-a:1', 'x-b:2', 'x-c:3']
    assert.equal(await run(argv, { stdin, stdout, stderr, env: {} }), 0)
    assert.match(shown.join(''), /^GET .*\n(?:[\w-]+: .*\n){7}\nHTTP\/2 103\nlink: .*\n\nHTTP\/2 200\n/)
  })

  test('-H does not wait for a body that does not end', async () => {
    assert.match(await ask(['-H', '@@/slow-body']), /^HTTP\/2 200\n/)
    assert.match(await ask(['-H', '@@/bytes/1000000']), /^HTTP\/2 200\n/)
  })

  test('HEAD has a head only', async () => {
    assert.match(uncoloured(await ask(['head', '@@/status/200'], terminal)), /^HTTP\/2 200\n[\s\S]*[^\n]\n$/)
  })
})

describe('--output', () => {
  test('the body goes to the file, decoded; on a terminal the head is shown', async () => {
    const path = files.path('out')
    assert.equal(await ask(['-o', path, '@@/gzip']), '')
    assert.equal(await readFile(path, 'utf8'), codedText)
    const shown = await ask(['-o', path, '@@/bytes/3000'], { terminal: { stdout: true } })
    assert.match(uncoloured(shown), /^HTTP\/2 200\n[\s\S]*[^\n]\n$/)
    assert.deepEqual(await readFile(path), patternBytes(3000))
  })

  test('a bar on standard error when that is a terminal, its total from content-length', async () => {
    const path = files.path('bar')
    const bar = async (route: string, ...more: readonly string[]): Promise<string> => {
      const argv = ['--verify', files.ca, ...more, '-o', path, `${h2.origin}${route}`]
      const { code, stderr } = await hyper(argv, { terminal: { stderr: true } })
      assert.equal(code, 0)
      return stderr
    }
    assert.match(await bar('/bytes/300000?length'), /100% {2}300\.0 kB of 300\.0 kB {2}\d/)
    const open = await bar('/bytes/300000')
    assert.match(open, /300\.0 kB {2}\d.*\/s/)
    assert.doesNotMatch(open, /%| of /)
    assert.doesNotMatch(await bar('/gzip'), /%/)
    assert.equal(await bar('/gzip', '-q'), '')
  })

  test('- is standard output, of the body alone', async () => {
    for (const stdout of [true, false]) {
      assert.equal(
        await ask(['-o', '-', '@@/type?type=text/plain&hex=6869'], { terminal: { stdout } }),
        stdout ? 'hi\n' : 'hi',
      )
    }
    assert.match(await ask(['-o', '-', '-p', 'h', '@@/json']), /^HTTP\/2 200\n[^{]*$/)
  })

  test('a file that takes no more is named', { skip: process.platform !== 'linux' }, async () => {
    const { code, stderr } = await hyper(['--verify', files.ca, '-o', '/dev/full', `${h2.origin}/bytes/100000`])
    assert.match(stderr, /^hyper: error: "\/dev\/full" cannot be written: ENOSPC[^\n]*\n$/)
    assert.equal(code, 1)
  })

  test('a file that cannot be written is an error', async () => {
    const { code, stderr } = await hyper(['--verify', files.ca, '-o', '/no/such/file', `${h2.origin}/json`])
    assert.match(stderr, /^hyper: error: "\/no\/such\/file" cannot be written: ENOENT[^\n]*\n$/)
    assert.equal(code, 1)
  })
})
