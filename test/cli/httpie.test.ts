/** What HTTPie has, with its spellings. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { type Circumstances, type Folder, folder, hyper, type Outcome } from './command.ts'

let files: Folder
let h2: TestOrigin
let h1: TestOrigin

before(async () => {
  files = await folder()
  const routes = {
    '/type': (call, answer) => {
      answer.head(200, { 'content-type': call.query.get('type') ?? '' })
      answer.end(call.query.get('text') ?? '')
    },
    '/digest': async (call, answer) => {
      let body = ''
      for await (const chunk of call.body) body += String(chunk)
      const given = String(call.headers['authorization'] ?? '')
      const [, nonce, , response] = /nonce="(\w+)".*uri="([^"]+)".*response="(\w+)"/.exec(given) ?? []
      const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
      const [, nc, cnonce] = /nc=(\w+), cnonce="(\w+)"/.exec(given) ?? []
      const a2 = md5(`${call.method}:/digest`)
      const right = nonce === 'abc' && response === md5(`${md5('me:r:secret')}:abc:${nc}:${cnonce}:auth:${a2}`)
      answer.head(right ? 200 : 401, right ? {} : { 'www-authenticate': 'Digest realm="r", nonce="abc", qop="auth"' })
      answer.end(right ? `in ${body}` : 'who?')
    },
    '/cookies': (call, answer) => {
      const cookies = call.query.getAll('set')
      const to = call.query.get('to')
      answer.head(to === null ? 200 : 302, { 'set-cookie': cookies, ...(to === null ? {} : { location: to }) })
      answer.end(String(call.headers['cookie'] ?? ''))
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

async function good(argv: readonly string[], circumstances: Circumstances = {}, origin = h2): Promise<string> {
  const { code, stdout, stderr } = await ask(argv, circumstances, origin)
  assert.deepEqual([code, stderr], [0, ''])
  return stdout
}

const last = (origin = h2): TestOrigin['requests'][number] => origin.requests[origin.requests.length - 1]
const uncoloured = (text: string): string => text.replace(/\x1b\[[\d;]*m/g, '')

describe('bodies', () => {
  test('nested names make nested JSON, on the wire', async () => {
    assert.equal(await good(['@@/echo', 'a[b]=c', 'l[]:=1', 'l[]:=2']), '{"a": {"b": "c"}, "l": [1, 2]}')
    assert.equal(await good(['-f', '@@/echo', 'a[b]=c']), 'a%5Bb%5D=c')
  })

  test('a name that does not go together is pointed at', async () => {
    const { code, stderr } = await ask(['@@/echo', 'a[b]=c', 'a[]=1'])
    assert.equal(code, 2)
    assert.match(stderr, /^hyper: error: "a\[\]": \[\] needs an array[^\n]*\n {2}a\[\]\n {3}\^\^\nTry /)
  })

  test('wrong JSON is pointed at', async () => {
    const { code, stderr } = await ask(['@@/echo', 'a:={"b": nope}'])
    assert.equal(code, 2)
    assert.match(stderr, /not valid JSON[^\n]*\n {2}\{"b": nope\}\n {8}\^\nTry /)
  })

  test('-x sends deflate when that is shorter, -xx in any case', async () => {
    const coded = async (...argv: readonly string[]): Promise<[unknown, Buffer]> => {
      const { octets } = await ask([...argv, '-b'])
      return [last().headers['content-encoding'], octets]
    }
    const long = 'again '.repeat(100)
    const [coding, octets] = await coded('-x', '--raw', long, '@@/echo')
    assert.deepEqual([coding, inflateSync(octets).toString()], ['deflate', long])
    assert.equal(last().headers['content-length'], String(octets.length))
    assert.deepEqual((await coded('-x', '--raw', 'ab', '@@/echo'))[0], undefined)
    assert.deepEqual((await coded('-xx', '--raw', 'ab', '@@/echo'))[0], 'deflate')
    const path = await files.write('long.txt', long)
    const [ofFile, fileOctets] = await coded('-x', '@@/echo', `@${path}`)
    assert.deepEqual([ofFile, inflateSync(fileOctets).toString()], ['deflate', long])
  })

  test('--chunked sends no length', async () => {
    assert.equal(await good(['--chunked', '@@/echo', 'a=b'], {}, h1), '{"a": "b"}')
    assert.equal(last(h1).headers['transfer-encoding'], 'chunked')
    assert.equal(await good(['--chunked', '@@/echo', 'a=b']), '{"a": "b"}')
    assert.equal(last().headers['content-length'], undefined)
  })

  test('--boundary is the boundary, and cannot break the field', async () => {
    assert.match(await good(['--multipart', '--boundary', 'xyz', '@@/echo', 'a=b']), /^--xyz\r\n[\s\S]*--xyz--\r\n$/)
    assert.equal(last().headers['content-type'], 'multipart/form-data; boundary=xyz')
    assert.match((await ask(['-f', '--boundary', 'a b', '@@/echo', 'a=b'])).stderr, /--boundary takes up to 70/)
  })

  test('a path may begin with ~', async () => {
    await files.write('home.txt', 'at home')
    const env = { HOME: files.path('') }
    for (const argv of [['a=@~/home.txt'], ['@~/home.txt'], ['-f', 'f@~/home.txt']]) {
      assert.match(await good(['@@/echo', ...argv], { env }), /at home/)
    }
  })

  test('-j asks for JSON without a body; --json TEXT is a body, as of curl', async () => {
    await good(['-j', '@@/json'])
    assert.deepEqual([last().headers['accept'], last().method], ['application/json, */*;q=0.5', 'GET'])
    assert.equal(await good(['--json', '{"a": 1}', '@@/echo']), '{"a": 1}')
    assert.deepEqual([last().headers['content-type'], last().method], ['application/json', 'POST'])
    const path = await files.write('json.txt', '[1]')
    assert.equal(await good(['--json', `@${path}`, '@@/echo']), '[1]')
    assert.equal(last().headers['content-type'], 'application/json')
  })
})

describe('the URL', () => {
  test('--path-as-is keeps dots', async () => {
    await good(['--path-as-is', '@@/json/../json/./%2e%2e', 'a==b'])
    assert.equal(last().headers[':path'], '/json/../json/./%2e%2e?a=b')
    await good(['@@/x/../json'])
    assert.equal(last().headers[':path'], '/json')
  })

  test('of this machine without a scheme it is TLS where that is spoken', async () => {
    const { stdout, stderr } = await ask([`:${h2.port}/type?text=hi`])
    assert.deepEqual([stdout, stderr], ['hi', ''])
    assert.equal(await good([`localhost:${h1.port}/type?text=hi`]), 'hi')
  })

  test('a URL of this machine without a scheme falls back to plain HTTP where there is no TLS, and a line says so', async () => {
    const server = http.createServer((request, response) => response.end(`plain ${request.url}`)).listen(0, 'localhost')
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      for (const url of [`:${port}/x`, `localhost:${port}/x`]) {
        const { code, stdout, stderr } = await ask([url])
        assert.deepEqual([code, stdout], [0, 'plain /x'])
        assert.equal(stderr, `hyper: no TLS at localhost:${port}: asking http://localhost:${port} instead\n`)
      }
      assert.equal(await good(['-q', `:${port}/x`]), '')
      assert.equal(await good(['--default-scheme', 'http', `:${port}/x`]), 'plain /x')
      const spelt = await ask([`https://localhost:${port}/x`])
      assert.equal(spelt.code, 1)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

describe('what is shown', () => {
  test('-h is the head, alone it is the help', async () => {
    assert.match(await good(['-h', '@@/json']), /^HTTP\/2 200\n[^{]*$/)
    assert.match((await hyper(['-h'])).stdout, /^Usage: /)
  })

  test('-m is the meta, -vv all with it', async () => {
    assert.match(await good(['-m', '@@/json']), /^Protocol: HTTP\/2\nRemote address: /)
    assert.match(await good(['-vv', '@@/json']), /^GET [\s\S]*\n\nHTTP\/2 200[\s\S]*\nElapsed time: /)
  })

  test('--offline shows the request and sends nothing', async () => {
    const before = h2.requests.length
    const path = await files.write('up.txt', 'upload')
    const shown = await good(['--offline', '-f', '--boundary', 'x', '@@/a', `f@${path}`, 'X-A:1'])
    assert.match(
      shown,
      /^POST \/a HTTP\/1\.1\nhost: localhost:\d+\n[\s\S]*\nx-a: 1\n\n--x\r\n[\s\S]*upload\r\n--x--\r\n$/,
    )
    assert.match(await good(['--offline', '-p', 'B', '@@/a'], { stdin: 'from a pipe' }), /^from a pipe$/)
    assert.equal(h2.requests.length, before)
  })

  test('--all shows what came before, -P how', async () => {
    const heads = (text: string): string[] => text.split('\n').filter((line) => /^(?:GET|HTTP)/.test(line))
    assert.deepEqual(heads(await good(['-F', '--all', '-p', 'Hh', '@@/redirect'])), [
      'GET /redirect HTTP/2',
      'HTTP/2 302',
      'GET /json HTTP/2',
      'HTTP/2 200',
    ])
    assert.deepEqual(heads(await good(['-F', '--all', '-P', 'h', '-p', 'Hh', '@@/redirect'])), [
      'HTTP/2 302',
      'GET /json HTTP/2',
      'HTTP/2 200',
    ])
    assert.deepEqual(heads(await good(['-F', '-p', 'Hh', '@@/redirect'])), ['GET /json HTTP/2', 'HTTP/2 200'])
  })

  test('--sorted, --unsorted and --format-options change how formatted output looks', async () => {
    const text = encodeURIComponent('{"b":1,"a":{"d":[2],"c":1.0}}')
    const url = `@@/type?type=application/json&text=${text}`
    const sorted = '{\n  "a": {\n    "c": 1.0,\n    "d": [\n      2\n    ]\n  },\n  "b": 1\n}'
    assert.equal(await good(['--pretty=format', '--sorted', '--format-options', 'json.indent:2', url]), sorted)
    assert.equal(
      await good(['--pretty=format', '--format-options', 'json.format:false,json.sort_keys:false', url]),
      decodeURIComponent(text),
    )
    const head = await good(['--pretty=format', '--sorted', '-p', 'h', '@@/echo', 'b:1', 'a:1'])
    const names = head.split('\n').flatMap((line) => /^([\w-]+): /.exec(line)?.[1] ?? [])
    assert.deepEqual(names, names.toSorted())
    for (const wrong of ['json.indent:x', 'nonsense:1', 'headers.sort:1']) {
      const { code, stderr } = await ask(['--format-options', wrong, url])
      assert.deepEqual([code, /^hyper: error: --format-options: /.test(stderr)], [2, true])
    }
  })

  test('-s chooses colours; a style that is unknown is refused', async () => {
    const shown = await good(['--pretty=colors', '-s', 'monokai', '-b', '@@/json'])
    assert.match(shown, /^\{\x1b\[38;2;249;38;114m"hello"\x1b\[39m:/)
    assert.match((await ask(['-s', 'nonsense', '@@/json'])).stderr, /Allowed choices are auto, bw, pie/)
  })

  test('XML gets lines and indentation, and loses nothing', async () => {
    const xml =
      '<?xml version="1.0"?><a x="1"><!-- c --><b>text &amp; <i>more</i></b><c/><d><![CDATA[<]]></d><e></e></a>'
    const url = `@@/type?type=application/xml&text=${encodeURIComponent(xml)}`
    assert.equal(
      await good(['--pretty=format', url]),
      '<?xml version="1.0"?>\n<a x="1">\n  <!-- c -->\n  <b>text &amp; <i>more</i></b>\n  <c/>\n  <d><![CDATA[<]]></d>\n  <e></e>\n</a>',
    )
    const coloured = await good(['--pretty=colors', url])
    assert.ok(coloured.includes('\x1b[34ma\x1b[39m'))
    assert.equal(uncoloured(coloured), xml)
    const broken = '<a><b></a>'
    assert.equal(await good(['--pretty=format', `@@/type?type=text/xml&text=${encodeURIComponent(broken)}`]), broken)
  })

  test('each line of NDJSON, and of JSON with -S, is formatted by itself', async () => {
    const lines = encodeURIComponent('{"a":1}\n\n[2]\nno json\n{"b"')
    const expected = '{\n    "a": 1\n}\n\n[\n    2\n]\nno json\n{"b"'
    assert.equal(await good(['--pretty=format', `@@/type?type=application/x-ndjson&text=${lines}`]), expected)
    assert.equal(await good(['--pretty=format', '-S', `@@/type?type=application/json&text=${lines}`]), expected)
  })

  test('what has no end is not kept: long XML and long lines are shown as they are', async () => {
    const xml = `<a>${'<b/>'.repeat(1_100_000)}</a>`
    const path = await files.write('long.xml', xml)
    assert.ok((await good(['--pretty=format', '@@/echo', `@${path}`])) === xml)
    const line = `["${'x'.repeat(1_100_000)}" , 1]\n{"a":1}\n`
    const lines = await files.write('long.ndjson', line)
    const shown = await good(['--pretty=format', '@@/echo', `@${lines}`])
    assert.ok(shown.startsWith('["xxx'))
    assert.ok(shown.endsWith(', 1]\n{\n    "a": 1\n}\n'))
  })

  test('--response-mime and --response-charset go before what the server says', async () => {
    const json = encodeURIComponent('{"a":1}')
    const shown = await good([
      '--pretty=format',
      '--response-mime=application/json',
      `@@/type?type=text/x&text=${json}`,
    ])
    assert.equal(shown, '{\n    "a": 1\n}')
    const latin = await good(['--pretty=format', '--response-charset=latin1', `@@/type?type=text/x&text=%C3%A9`])
    assert.equal(latin, 'Ã©')
    assert.match((await ask(['--response-charset=x', '@@/json'])).stderr, /"x" is not a known character set/)
    assert.match((await ask(['--response-mime=x', '@@/json'])).stderr, /--response-mime takes a media type/)
  })

  test('--max-headers refuses more', async () => {
    assert.match((await ask(['--max-headers', '1', '@@/json'])).stderr, /more than 1 \(--max-headers\)/)
    await good(['--max-headers', '0', '@@/json'])
  })

  test('-q says warnings, -qq errors alone', async () => {
    const argv = ['--check-status', '@@/status/404']
    const quiet = await ask(['-q', ...argv])
    assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [4, '', 'hyper: warning: HTTP/2 404\n'])
    const silent = await ask(['-qq', ...argv])
    assert.deepEqual([silent.code, silent.stderr], [4, ''])
  })
})

describe('who asks', () => {
  test('bearer, and the token that is needed', async () => {
    await good(['-A', 'bearer', '-a', 'abc', '@@/json'])
    assert.equal(last().headers['authorization'], 'Bearer abc')
    assert.match((await ask(['-A', 'bearer', '@@/json'])).stderr, /needs --auth TOKEN/)
    assert.match((await ask(['-A', 'bearer', '-a', 'a b', '@@/json'])).stderr, /a token without spaces/)
  })

  test('digest answers the challenge with the same body; --all shows the first answer', async () => {
    for (const origin of [h2, h1]) {
      assert.equal(await good(['-A', 'digest', '-a', 'me:secret', '--raw', 'body', '@@/digest'], {}, origin), 'in body')
    }
    const all = await good(['-A', 'digest', '-a', 'me:secret', '--all', '-p', 'h', '@@/digest'])
    assert.match(all, /^HTTP\/2 401\n[\s\S]*\nHTTP\/2 200\n/)
    const wrong = await ask(['-A', 'digest', '-a', 'me:wrong', '@@/digest', '-p', 'hb'])
    assert.match(wrong.stdout, /^HTTP\/2 401\n[\s\S]*who\?$/)
    const spent = await ask(['-A', 'digest', '-a', 'me:secret', '@@/digest'], { stdin: 'once' })
    assert.match(spent.stderr, /asks for digest authentication, and the body, standard input, cannot be read again/)
  })

  test('~/.netrc, unless --ignore-netrc or credentials are there', async () => {
    await files.write('.netrc', 'machine localhost login rc password x')
    await chmod(files.path('.netrc'), 0o600)
    const env = { HOME: files.path('') }
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
    for (const [argv, expected] of [
      [[], basic('rc:x')],
      [['--ignore-netrc'], undefined],
      [['-a', 'me:y'], basic('me:y')],
    ] as const) {
      await good([...argv, '@@/json'], { env })
      assert.equal(last().headers['authorization'], expected)
    }
    await chmod(files.path('.netrc'), 0o644)
    const open = await ask(['@@/json'], { env })
    assert.match(open.stderr, process.platform === 'win32' ? /^$/ : /^hyper: warning: .*others can read it/)
  })
})

describe('~/.netrc and redirects', () => {
  const authorized = async (entries: string, to: TestOrigin, path = '/json'): Promise<unknown> => {
    const netrc = await files.write('netrc-redirect', entries)
    await chmod(netrc, 0o600)
    const url = `@@/redirect?to=${encodeURIComponent(`${to.origin.replace('localhost', '127.0.0.1')}${path}`)}`
    await good(['-F', url], { env: { NETRC: netrc } })
    return last(to).headers['authorization']
  }

  test('credentials of the host that a redirect leads to go there; those of any host do not', async () => {
    const basic = `Basic ${Buffer.from('a:b').toString('base64')}`
    assert.equal(await authorized('machine 127.0.0.1 login a password b', h1), basic)
    assert.equal(await authorized('default login a password b', h1), undefined)
  })

  test('nothing goes where a redirect leaves TLS', async () => {
    await using plain = await startH1Origin({}, { plain: true })
    assert.equal(await authorized('machine 127.0.0.1 login a password b', plain), undefined)
  })
})

describe('cookies and sessions', () => {
  const get = (query: string): string => `@@/cookies?${query}`

  test('cookies are kept within --follow, and not beyond', async () => {
    assert.equal(await good(['-F', get('set=a=1&to=/cookies')]), 'a=1')
    assert.equal(await good(['@@/cookies']), '')
    assert.equal(await good(['-F', get('set=a=1&to=/cookies'), 'Cookie:b=2']), 'b=2; a=1')
  })

  test('a cookie for another host is not taken', async () => {
    assert.equal(await good(['-F', get('set=a=1;%20Domain=example.org&to=/cookies')]), '')
  })

  test('a session keeps cookies, credentials and fields, in a file for the host', async () => {
    const env = { HYPER_CONFIG_DIR: files.path('config') }
    await good(['--session', 'one', '-a', 'me:x', get('set=a=1'), 'X-Mine:y', 'Cookie:c=3'], { env })
    assert.equal(await good(['--session', 'one', '@@/cookies'], { env }), 'c=3; a=1')
    assert.equal(last().headers['authorization'], `Basic ${Buffer.from('me:x').toString('base64')}`)
    assert.equal(last().headers['x-mine'], 'y')
    const path = files.path(`config/sessions/localhost_${h2.port}/one.json`)
    const kept = JSON.parse(await readFile(path, 'utf8'))
    assert.deepEqual(Object.keys(kept), ['__meta__', 'headers', 'auth', 'cookies'])
    assert.equal(await good(['--session', 'one', '@@/cookies'], { env }, h1), '')
  })

  test('--session-read-only changes nothing', async () => {
    const path = files.path('readonly.json')
    await good(['--session', path, get('set=a=1')])
    const before = await readFile(path, 'utf8')
    assert.equal(await good(['--session-read-only', path, get('set=b=2')]), 'a=1')
    assert.equal(await readFile(path, 'utf8'), before)
    const none = files.path('none.json')
    await good(['--session-read-only', none, '@@/cookies'])
    await assert.rejects(readFile(none))
  })

  test('a file that is not a session is refused and not changed', async () => {
    for (const [text, why] of [
      ['no json', /not valid JSON/],
      ['[]', /it is not an object/],
      ['{"__meta__": {"format": 1}, "cookies": {}}', /cookies is not a list/],
      ['{"__meta__": {"format": 1}, "cookies": [{}]}', /a cookie has no name or no domain/],
      ['{"__meta__": {"format": 1}, "headers": [{"name": 1}]}', /a header has no name or no value/],
      ['{"__meta__": {"format": 1}, "auth": {"type": "x"}}', /auth has no type/],
    ] as const) {
      const path = await files.write('broken.json', text)
      const { code, stderr } = await ask(['--session', path, '@@/json'])
      assert.match(stderr, why)
      assert.equal(code, 2)
      assert.equal(await readFile(path, 'utf8'), text)
    }
  })

  test('a host-only cookie of a session stays with its host', async () => {
    const path = files.path('hostonly.json')
    await good(['--session', path, get('set=a=1')])
    const kept = JSON.parse(await readFile(path, 'utf8'))
    assert.equal(kept.cookies[0].hostOnly, true)
    await good(['--session', path, '@@/json'])
    assert.equal(JSON.parse(await readFile(path, 'utf8')).cookies[0].hostOnly, true)
  })

  test('a request that is only shown leaves no session', async () => {
    const path = files.path('shown.json')
    await good(['--session', path, '--offline', '@@/json', 'X-A:b'])
    await good(['--session', path, '--curl', '@@/json', 'X-A:b'])
    await assert.rejects(readFile(path))
  })

  test('the name of a session does not lead out of the folder', async () => {
    const { stderr } = await ask(['--session', '..', '@@/json'], { env: { HYPER_CONFIG_DIR: files.path('config') } })
    assert.match(stderr, /--session takes a name or the path of a file/)
    assert.match((await ask(['--session', 'x', '@@/json'])).stderr, /needs HOME or HYPER_CONFIG_DIR/)
  })
})

describe('the configuration', () => {
  const configured = async (content: string): Promise<Record<string, string>> => {
    await writeFile(files.path('config.json'), content)
    return { HYPER_CONFIG_DIR: files.path('') }
  }

  test('default_options count, unless the command line says otherwise', async () => {
    const env = await configured('{"default_options": ["--print=h", "--pretty=none"]}')
    assert.match(await good(['@@/json'], { env }), /^HTTP\/2 200\n[^{]*$/)
    assert.match(await good(['-b', '@@/json'], { env }), /^\{/)
    assert.match(await good(['--no-print', '@@/json'], { env }), /^\{/)
    const indented = await configured('{"default_options": ["--format-options=json.indent:1", "--pretty=format"]}')
    const options = ['--format-options', 'json.sort_keys:true', '@@/type?type=application/json&text={"b":1,"a":2}']
    assert.equal(await good(options, { env: indented }), '{\n "a": 2,\n "b": 1\n}')
    assert.equal(
      await good(['--no-format-options', ...options.slice(2)], { env: indented }),
      '{\n    "b": 1,\n    "a": 2\n}',
    )
  })

  test('what is wrong with it is said', async () => {
    for (const [content, why] of [
      ['{', /not valid JSON/],
      ['[]', /must be a JSON object/],
      ['{"x": 1}', /"x" is unknown/],
      ['{"default_options": 1}', /must be a list of strings/],
      ['{"default_options": ["url"]}', /may contain only options, not "url"/],
      ['{"default_options": ["--nonsense"]}', /unknown option '--nonsense'/],
    ] as const) {
      const { code, stderr } = await ask(['@@/json'], { env: await configured(content) })
      assert.match(stderr, why)
      assert.equal(code, 2)
    }
  })

  test('--no-X takes back --X', async () => {
    assert.match(await good(['-h', '--no-headers', '@@/json']), /^\{/)
  })
})
