/** What the command sends: method, URL, header section and body, by items, options and standard input. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { PassThrough } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { type Folder, folder, hyper, type Outcome } from './command.ts'

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

/** What an origin saw of one request. */
interface Seen {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

async function ask(argv: readonly string[], stdin?: string, origin: TestOrigin = h2): Promise<Seen> {
  const args = argv.map((word) => word.replace(/^@@/, origin.origin))
  const outcome = await hyper(['--verify', files.ca, ...args], stdin === undefined ? {} : { stdin })
  assert.equal(outcome.code, 0, outcome.stderr)
  assert.equal(outcome.stderr, '')
  const call = origin.requests.at(-1)
  assert.ok(call)
  const { method, path, query, headers } = call
  return { method, path, query: query.toString(), headers, body: outcome.stdout }
}

function refused(outcome: Outcome, why: RegExp): void {
  assert.match(outcome.stderr, why)
  assert.match(outcome.stderr, /^hyper: error: .*\n(?: {2}.*\n {2} *\^+\n)?Try 'hyper --help'\.\n$/)
  assert.equal(outcome.stdout, '')
  assert.equal(outcome.code, 2)
}

for (const [name, origin] of [
  ['HTTP/2', () => h2],
  ['HTTP/1.1', () => h1],
] as const) {
  describe(`over ${name}`, () => {
    test('a URL alone is GET, with the fields that the command adds', async () => {
      const { method, headers, body } = await ask(['@@/echo'], undefined, origin())
      assert.equal(method, 'GET')
      assert.match(String(headers['user-agent']), /^hyper\/\d+\.\d+\.\d+$/)
      assert.equal(headers['accept'], '*/*')
      assert.equal(headers['accept-encoding'], 'gzip, deflate, br, zstd')
      assert.equal(headers['content-type'], undefined)
      assert.equal(body, '')
    })

    test('fields make a POST of JSON; numbers stay as they were written', async () => {
      const seen = await ask(['@@/echo', 'a=b:c', 'n:=12345678901234567890', 'l:=[1, 1.0]'], undefined, origin())
      assert.equal(seen.method, 'POST')
      assert.equal(seen.headers['content-type'], 'application/json')
      assert.equal(seen.headers['accept'], 'application/json, */*;q=0.5')
      assert.equal(seen.body, '{"a": "b:c", "n": 12345678901234567890, "l": [1, 1.0]}')
      assert.equal(seen.headers['content-length'], String(seen.body.length))
    })

    test('the content of standard input is the body of a POST', async () => {
      const seen = await ask(['@@/echo'], '{"x":1}', origin())
      assert.deepEqual([seen.method, seen.headers['content-type'], seen.body], ['POST', 'application/json', '{"x":1}'])
    })

    test('@path is the body, with its length and the type of its name', async () => {
      const path = await files.write('page.html', '<p>')
      const seen = await ask(['put', '@@/echo', `@${path}`], undefined, origin())
      assert.deepEqual([seen.method, seen.headers['content-type'], seen.body], ['PUT', 'text/html', '<p>'])
      assert.equal(seen.headers['content-length'], '3')
    })
  })
}

describe('the method', () => {
  test('is upper-cased, known or not', async () => {
    assert.equal((await ask(['delete', '@@/echo'])).method, 'DELETE')
    assert.equal((await ask(['frob', '@@/echo'])).method, 'FROB')
  })

  test('a known method counts before a URL with a query', async () => {
    const seen = await ask(['get', '@@/echo?a=b'])
    assert.deepEqual([seen.method, seen.query], ['GET', 'a=b'])
  })

  test('a word before an item is no method but a URL', async () => {
    const { stderr } = await hyper(['--timeout', '5', 'nothing.invalid', 'a=b'])
    assert.match(stderr, /https:\/\/nothing\.invalid/)
    const one = await hyper(['--http1.1', 'localhost', 'Foo:bar', '--proxy', 'http://127.0.0.1:1'])
    assert.match(one.stderr, /https:\/\/localhost/)
    // A number behind the colon looks like a port, but localhost is no method.
    const number = await hyper(['localhost', 'X-Count:5', '--proxy', 'http://127.0.0.1:1'])
    assert.match(number.stderr, /https:\/\/localhost/)
  })

  test('CONNECT is refused', async () => refused(await hyper(['connect', 'x.org']), /CONNECT opens a tunnel/))
})

describe('the URL', () => {
  test('keeps its query, to which items are appended percent-encoded; its fragment is dropped', async () => {
    await ask(['@@/echo?q=%20a&r#frag', 'x y==é&=', 'z=='])
    const path = h2.requests.at(-1)
    assert.equal(String(path?.headers[':path']), '/echo?q=%20a&r&x%20y=%C3%A9%26%3D&z=')
  })

  test('a leading colon is localhost; the scheme is https unless spelt out', async () => {
    const seen = await ask([`:${h2.port}/echo`])
    assert.equal(seen.headers[':authority'], `localhost:${h2.port}`)
    assert.equal(seen.headers[':scheme'], 'https')
    await using plain = await startH1Origin({}, { plain: true })
    assert.equal((await hyper([`http://127.0.0.1:${plain.port}/json`])).code, 0)
    assert.match((await hyper([':/x', '--proxy', 'http://127.0.0.1:1'])).stderr, /https:\/\/localhost[: ]/)
  })

  test('text that is not a URL is refused', async () => {
    refused(await hyper(['http://[']), /"http:\/\/\[" is not a URL/)
    refused(await hyper(['ftp://x.org']), /the scheme must be http or https/)
    refused(await hyper([]), /a URL is needed/)
    // A password that was not encoded may be why.
    for (const url of ['http://user:secret@[', 'ftp://user:secret@x.org', 'user:secret/secret@x.org']) {
      refused(await hyper([url]), /^(?!.*secret).*"(?:\w+:\/\/)?\.\.\.@/)
    }
  })
})

describe('header items', () => {
  test('replace defaults, unset them, may be empty, and may be repeated', async () => {
    const { headers } = await ask(['@@/echo', 'User-Agent:me', 'Accept:', 'X-Empty;', 'X-Two:1', 'x-two:2'])
    assert.equal(headers['user-agent'], 'me')
    assert.equal(headers['accept'], undefined)
    assert.equal(headers['x-empty'], '')
    assert.equal(headers['x-two'], '1, 2')
  })

  test('values go as UTF-8', async () => {
    const { headers } = await ask(['@@/echo', 'X-Text:grün'])
    assert.equal(Buffer.from(String(headers['x-text']), 'latin1').toString(), 'grün')
  })

  test('pseudo-header fields replace what would be sent', async () => {
    const seen = await ask(['@@/json', ':authority:other.example', ':path:/echo?a=b', ':method:PATCH'])
    assert.equal(seen.headers[':authority'], 'other.example')
    assert.deepEqual([seen.method, seen.path, seen.query], ['PATCH', '/echo', 'a=b'])
    assert.equal((await ask(['GET', '@@/json', ':path:/echo/a,b'])).path, '/echo/a,b')
  })

  test('that cannot be sent are refused before anything is', async () => {
    const { stderr, code } = await hyper(['--verify', files.ca, `${h2.origin}/`, 'bad name:x'])
    assert.match(
      stderr,
      /^hyper: error: Invalid header name: "bad name" \(ERR_HYPER_INVALID_ARGUMENT\)\nTry 'hyper --help'\.\n$/,
    )
    assert.equal(code, 2)
  })
})

describe('bodies', () => {
  test('fields from files, as text and as JSON', async () => {
    const text = await files.write('text', 'one "line"\n')
    const json = await files.write('data', ' {"a": 1.00}\n')
    const { body } = await ask(['@@/echo', `t=@${text}`, `j:=@${json}`])
    assert.equal(body, '{"t": "one \\"line\\"\\n", "j": {"a": 1.00}}')
  })

  test('a repeated JSON field counts once', async () => {
    assert.equal((await ask(['@@/echo', 'a=1', 'a=2', '__proto__=x'])).body, '{"a": "2", "__proto__": "x"}')
  })

  test('--form sends a form', async () => {
    const seen = await ask(['-f', '@@/echo', 'a=b c', 'a=ü&', 'n:=[1]'])
    assert.equal(seen.body, 'a=b+c&a=%C3%BC%26&n=%5B1%5D')
    assert.equal(seen.headers['content-type'], 'application/x-www-form-urlencoded; charset=utf-8')
    assert.equal(seen.headers['accept'], '*/*')
  })

  test('--form with a file, and --multipart, send multipart/form-data', async () => {
    const path = await files.write('a.png', Buffer.from([1, 2, 3]))
    const other = await files.write('b', 'text')
    const seen = await ask(['--form', '@@/echo', 'name=x', `pic@${path}`, `more@${other};type=text/x-more`])
    const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(String(seen.headers['content-type']))?.[1]
    assert.ok(boundary)
    assert.equal(seen.headers['content-length'], String(Buffer.byteLength(seen.body)))
    const form = await new Response(seen.body, {
      headers: { 'content-type': String(seen.headers['content-type']) },
    }).formData()
    assert.equal(form.get('name'), 'x')
    const file = form.get('pic')
    assert.ok(typeof file === 'object' && file !== null)
    assert.deepEqual([file.name, file.type, file.size], ['a.png', 'image/png', 3])
    const second = form.get('more')
    assert.ok(typeof second === 'object' && second !== null)
    assert.deepEqual([second.type, await second.text()], ['text/x-more', 'text'])
    assert.match((await ask(['--multipart', '@@/echo', 'a=b'])).body, /form-data; name="a"\r\n\r\nb\r\n/)
  })

  test('--raw is the body; an explicit content-type counts', async () => {
    const seen = await ask(['--raw', '<x/>', '@@/echo', 'Content-Type:application/xml'])
    assert.deepEqual([seen.method, seen.body, seen.headers['content-type']], ['POST', '<x/>', 'application/xml'])
  })

  test('a large file is streamed', async () => {
    const path = await files.write('large.bin', Buffer.alloc(3_000_000, 7))
    assert.equal((await ask(['@@/echo-length', `@${path};type=application/x-large`])).body, '3000000')
    assert.equal(h2.requests.at(-1)?.headers['content-type'], 'application/x-large')
  })

  test('a named pipe is read as it comes, without a length', { skip: process.platform === 'win32' }, async () => {
    const path = files.path('pipe')
    await promisify(execFile)('mkfifo', [path])
    const [seen] = await Promise.all([ask(['@@/echo', `@${path}`]), files.write('pipe', 'through')])
    assert.deepEqual([seen.body, seen.headers['content-length']], ['through', undefined])
    assert.equal(seen.headers['content-type'], 'application/octet-stream')
    // Nobody writes to it: a connection that fails does not wait.
    assert.equal((await hyper(['http://localhost:1/', `@${path}`])).code, 1)
  })

  test('that do not go together are refused', async () => {
    refused(await hyper(['x.org', 'a=b', '--raw', 'c']), /the body can come from --raw or from fields/)
    refused(await hyper(['x.org', 'a=b', '@c']), /the body can come from @file or from fields/)
    refused(await hyper(['x.org', '@b', '@c']), /only one @file/)
    refused(await hyper(['x.org', 'a@b']), /"a@b" is a file to upload: add --form/)
  })

  test('files that cannot be read are named', async () => {
    for (const item of ['a=@/no/such', '@/no/such']) {
      refused(await hyper(['x.org', item]), /"\/no\/such" cannot be read: ENOENT/)
    }
    refused(await hyper(['-f', 'x.org', 'a@/no/such']), /"\/no\/such" cannot be read: ENOENT/)
    refused(await hyper(['x.org', `@${files.path('.')}`]), /cannot be read: it is a directory/)
    const path = await files.write('no.json', '{')
    refused(await hyper(['x.org', `a:=@${path}`]), /no\.json": not valid JSON/)
    const binary = await files.write('binary', Buffer.from([0xff, 0x00]))
    for (const item of [`a=@${binary}`, `a:=@${binary}`]) {
      refused(await hyper(['x.org', item]), /binary" is not UTF-8 text, so it cannot be a field/)
    }
  })
})

describe('standard input', () => {
  test('that is empty is no body, and no reason for POST', async () => {
    assert.deepEqual((await ask(['@@/echo'], '')).method, 'GET')
    assert.deepEqual((await ask(['post', '@@/echo-length'], '')).body, '0')
  })

  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE']) {
    test(`is not read for ${method}, nor with --ignore-stdin, nor beside fields`, async () => {
      for (const words of [
        [method, '@@/status/200'],
        ['--ignore-stdin', '@@/echo'],
        ['@@/echo', 'a=b'],
      ]) {
        const silent = new PassThrough()
        const args = words.map((word) => word.replace('@@', h2.origin))
        const outcome = await hyper(['--verify', files.ca, ...args], { stdin: silent })
        assert.deepEqual([outcome.code, outcome.stderr], [0, ''])
        silent.destroy()
      }
    })
  }

  test('--form says its type; an explicit content-type counts more', async () => {
    assert.equal(
      (await ask(['-f', '@@/echo'], 'a=b')).headers['content-type'],
      'application/x-www-form-urlencoded; charset=utf-8',
    )
    assert.equal((await ask(['@@/echo', 'content-type:text/x'], 'a')).headers['content-type'], 'text/x')
  })

  test('that fails is an error', async () => {
    const broken = new PassThrough()
    broken.destroy(new Error('broken'))
    const { code, stderr } = await hyper(['x.org'], { stdin: broken })
    assert.deepEqual([code, stderr], [1, 'hyper: error: standard input cannot be read: broken\n'])
  })
})
