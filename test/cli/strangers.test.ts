/** What people type who know HTTPie and curl, and what they expect to see. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Routes, startH1Origin, type TestOrigin } from '../support/origin.ts'
import { type Circumstances, type Folder, folder, hyper } from './command.ts'

let files: Folder
let origin: TestOrigin

before(async () => {
  files = await folder()
  const routes: Routes = {
    '/say': (call, answer) => {
      answer.head(200, { 'content-type': call.query.get('type') ?? '' })
      answer.end(call.query.get('text') ?? '')
    },
    '/field': (call, answer) => {
      answer.head(200, { 'x-field': Buffer.from('a\u009b2Jb').toString('latin1') })
      answer.end(String(call.headers['x-a'] ?? ''))
    },
    '/cookie': (_call, answer) => {
      answer.head(200, { 'set-cookie': Buffer.from('a=\u009b2J; Path=/').toString('latin1') })
      answer.end()
    },
  }
  origin = await startH1Origin(routes, { plain: true })
})

after(async () => {
  await origin.close()
  await files[Symbol.asyncDispose]()
})

async function good(argv: readonly string[], circumstances: Circumstances = {}): Promise<string> {
  const { code, stdout, stderr } = await hyper(
    argv.map((word) => word.replace(/^@@/, origin.origin)),
    circumstances,
  )
  assert.deepEqual([stderr, code], ['', 0])
  return stdout
}

const body = (...items: readonly string[]): Promise<string> => good(['--offline', '-p', 'B', 'x.org', ...items])

describe('items whose values stand in files', () => {
  test('are header fields and parts of the query, without the end of the line', async () => {
    const path = await files.write('value', 'a b\r\n')
    await good([`@@/echo`, `X-A:@${path}`, `q==@${path}`])
    const request = origin.requests.at(-1)
    assert.deepEqual([request?.headers['x-a'], request?.path], ['a b', '/echo'])
    assert.match(await good(['--offline', '-p', 'H', 'x.org', `q==@${path}`]), /^GET \/\?q=a%20b HTTP/)
    assert.match(
      await good(['--offline', '-p', 'H', 'x.org', 'q==@~/value'], { env: { HOME: files.path('') } }),
      /q=a%20b/,
    )
  })

  test('a backslash keeps the @ in the value', async () => {
    assert.match(
      await good(['--offline', '-p', 'H', 'x.org', 'X-A:\\@me', 'q==\\@me']),
      /^GET \/\?q=%40me [\s\S]*\nx-a: @me\n/,
    )
  })

  test('a file that is not there is named, and so is one whose text cannot be a field', async () => {
    const { stderr, code } = await hyper(['x.org', 'X-A:@/no/such'])
    assert.match(stderr, /"\/no\/such" cannot be read: ENOENT/)
    assert.equal(code, 2)
    const path = await files.write('lines', 'a\nb: c\n')
    assert.equal((await hyper([`${origin.origin}/echo`, `X-A:@${path}`])).code, 2)
  })
})

describe('JSON that is given as a whole', () => {
  test('takes more, and what was there stays as it was written', async () => {
    assert.equal(
      await body('a:=[1.0, "x, ]", {"b": [2]}]', 'a[]=c', 'a[2][b][]:=3'),
      '{"a": [1.0, "x, ]", {"b": [2, 3]}, "c"]}',
    )
    assert.equal(
      await body('a:={"b": 12345678901234567890, "\\u0063": {}}', 'a[c][d]:=1'),
      '{"a": {"b": 12345678901234567890, "c": {"d": 1}}}',
    )
    assert.equal(await body('a:=[]', 'a[1]:=1', 'b:={}', 'b[c]:=2'), '{"a": [null, 1], "b": {"c": 2}}')
  })

  test('takes nothing that does not go together with it', async () => {
    assert.match((await hyper(['x.org', 'a:=[1]', 'a[b]=c'])).stderr, /a key needs an object, and "a" is an array/)
    assert.match((await hyper(['x.org', 'a:={"b": 1}', 'a[]=c'])).stderr, /\[\] needs an array, and "a" is an object/)
  })
})

describe('the head of a request', () => {
  const head = (...argv: readonly string[]): Promise<string> => good(['--offline', '-p', 'H', ...argv])

  test('has the fields that the connection adds', async () => {
    assert.match(
      await head('--http1.1', '--chunked', 'x.org', 'a=b'),
      /\nconnection: keep-alive\n[\s\S]*\ntransfer-encoding: chunked\n/,
    )
    assert.match(await head('--http1.1', 'POST', 'x.org'), /\ncontent-length: 0\n/)
    assert.match(await head('--h2', 'POST', 'x.org'), /^POST \/ HTTP\/2\nhost: x\.org\n[\s\S]*\ncontent-length: 0\n/)
    assert.doesNotMatch(await head('--h2', '--chunked', 'x.org', 'a=b'), /chunked|connection|content-length/)
    assert.doesNotMatch(await head('DELETE', 'x.org'), /content-length/)
  })

  test('that cannot be sent is not shown either', async () => {
    const { stdout, stderr, code } = await hyper(['--offline', 'x.org', 'Ünï:x'])
    assert.deepEqual([stdout, code], ['', 2])
    assert.match(stderr, /^hyper: error: [^\n]*header[^\n]*"Ünï"/i)
  })
})

describe('JSON that its server does not call so', () => {
  const shown = (type: string, text: string, ...argv: readonly string[]): Promise<string> =>
    good(['--pretty=format', ...argv, `@@/say?type=${encodeURIComponent(type)}&text=${encodeURIComponent(text)}`])

  test('is shown as JSON where it is text', async () => {
    for (const type of ['text/plain', 'text/html; charset=utf-8', 'application/javascript']) {
      assert.equal(await shown(type, '{"b":1}'), '{\n    "b": 1\n}')
      assert.equal(await shown(type, ' [{"a":1.0}]'), '[\n    {\n        "a": 1.0\n    }\n]')
    }
  })

  test('is text where it only begins like it, and where it says to be something else', async () => {
    for (const text of ['{"a": 1} and more', '[info] started', '{ a }', '["a"', 'plain']) {
      assert.equal(await shown('text/plain', text), text)
    }
    assert.equal(await shown('application/x-other', '{"b":1}'), '{"b":1}')
    assert.equal(await good(['@@/say?type=text/plain&text={"b":1}']), '{"b":1}')
  })

  test('is shown in lines where events carry it', async () => {
    const text = 'event: x\ndata: {"a":1}\n\ndata:[1]\n\ndata: [DONE]\n\ndata: last'
    assert.equal(
      await shown('text/event-stream', text),
      'event: x\ndata: {\n    "a": 1\n}\n\ndata:[\n    1\n]\n\ndata: [DONE]\n\ndata: last',
    )
    assert.equal(await shown('text/event-stream', text, '--pretty=none'), text)
  })
})

test('what curl has before the URL is never asked as if it were a host', async () => {
  const url = `${origin.origin}/echo`
  for (const argv of [
    ['-d', 'a=b', url],
    ['-F', 'a=@file', url],
    ['-H', 'X-A: b', url],
    ['-b', 'a=b', url],
    ['POST', 'a=b', url],
  ]) {
    const { code, stderr } = await hyper(argv)
    assert.match(
      stderr,
      /^hyper: error: "[^"]*" comes before the URL: the items stand behind it, as in hyper URL ITEM\n/,
    )
    assert.equal(code, 2)
  }
  assert.match(
    (await hyper(['--header', 'X-A: b', url])).stderr,
    /'--header': a header field is an item behind the URL/,
  )
  assert.match(await good(['--offline', '-p', 'H', 'x.org', 'q==http://y']), /^GET \/\?q=http%3A%2F%2Fy /)
})

test('--traceback shows the stack of an error, and of a wrong command line', async () => {
  assert.match((await hyper(['--traceback', 'http://localhost:1/'])).stderr, /\nConnectError: [^\n]*\n {4}at /)
  assert.match((await hyper(['--traceback', '--nonsense'])).stderr, /\nUsageError: /)
  assert.doesNotMatch((await hyper(['http://localhost:1/'])).stderr, /\n {4}at /)
})

describe('on a terminal', () => {
  test('what a server sent cannot act through --format', async () => {
    const shown = await good(['-q', '-w', '%header{x-field} %{header_json}', '@@/field'], { terminal: true })
    assert.doesNotMatch(shown, /\u009b/)
    assert.match(shown, /^a\\x9b2Jb /)
    const { stderr } = await hyper(['-q', '-w', '%{stderr}%header{x-field}', `${origin.origin}/field`])
    assert.equal(stderr, 'a\\x9b2Jb')
    assert.match(await good(['-q', '-w', '%header{x-field}', '@@/field']), /\u009b/)
  })

  test('nor through a cookie that goes into the request as code', async () => {
    const session = files.path('session.json')
    await good(['--session', session, '@@/cookie'])
    const shown = await good(['--session', session, '--curl', '@@/field'], { terminal: true })
    assert.match(shown, /cookie: a=\\x9b2J/)
    assert.doesNotMatch(shown, /\u009b/)
  })
})
