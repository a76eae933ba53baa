/** Session files of HTTPie: read, honoured, and written back so that HTTPie reads them again. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { startH1Origin, type TestOrigin } from '../support/origin.ts'
import { type Circumstances, type Folder, folder, hyper } from './command.ts'

let files: Folder
let origin: TestOrigin

/** What the origin was asked with. */
interface Seen {
  readonly cookie: string
  readonly authorization: string
  readonly fields: readonly string[]
}

let seen: Seen

before(async () => {
  files = await folder()
  origin = await startH1Origin(
    {
      '*': (call, answer) => {
        const { headers, rawHeaders, query } = call
        const fields = rawHeaders.flatMap((name, i) =>
          i % 2 === 0 && /^x-/i.test(name) ? [`${name.toLowerCase()}: ${rawHeaders[i + 1]}`] : [],
        )
        seen = {
          cookie: String(headers['cookie'] ?? ''),
          authorization: String(headers['authorization'] ?? ''),
          fields,
        }
        answer.head(200, { 'set-cookie': query.getAll('set') })
        answer.end()
      },
    },
    { plain: true },
  )
})

after(async () => {
  await origin.close()
  await files[Symbol.asyncDispose]()
})

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

const meta = { about: 'HTTPie session file', help: 'https://httpie.io/docs#sessions', httpie: '3.2.4' }

/** As HTTPie 3.2 writes it. */
const modern = {
  __meta__: meta,
  auth: { raw_auth: 'me:x', type: 'basic' },
  cookies: [
    { domain: null, expires: null, name: 'any', path: '/', secure: false, value: '0' },
    { domain: 'localhost.local', expires: 4102444800, name: 'a', path: '/', secure: false, value: '1' },
    { domain: 'localhost.local', expires: 1000, name: 'over', path: '/', secure: false, value: '2' },
    { domain: 'localhost.local', expires: null, name: 'deep', path: '/deep', secure: false, value: '3' },
    { domain: '.example.org', expires: null, name: 'b', path: '/', secure: true, value: '4' },
  ],
  headers: [
    { name: 'X-Two', value: 'one' },
    { name: 'X-Two', value: 'two' },
  ],
}

/** As HTTPie 2 and 3.0 wrote it. */
const old = {
  __meta__: { about: 'HTTPie session file', httpie: '2.6.0' },
  auth: { password: 'p', type: 'basic', username: 'u' },
  cookies: { k: { expires: null, path: '/', secure: false, value: 'v' } },
  headers: { 'X-Old': '1' },
}

async function ask(
  path: string,
  url = '/',
  argv: readonly string[] = [],
  circumstances: Circumstances = {},
): Promise<void> {
  const { code, stderr } = await hyper(['--session', path, `${origin.origin}${url}`, ...argv], circumstances)
  assert.deepEqual([stderr, code], ['', 0])
}

const readJson = async (path: string): Promise<typeof modern> => JSON.parse(await readFile(path, 'utf8'))

describe('a session file of HTTPie', () => {
  test('gives its cookies, fields and credentials, and stays as it is where nothing changes', async () => {
    const path = await files.write('modern.json', JSON.stringify(modern))
    await ask(path)
    assert.deepEqual(seen, { cookie: 'any=0; a=1', authorization: basic('me:x'), fields: ['x-two: one', 'x-two: two'] })
    await ask(path, '/deep')
    assert.deepEqual(seen.cookie.split('; ').sort(), ['a=1', 'any=0', 'deep=3'])
    const expected = { ...modern, cookies: modern.cookies.filter(({ name }) => name !== 'over') }
    assert.deepEqual(await readJson(path), expected)
  })

  test('takes what is new in its own form', async () => {
    const path = await files.write('new.json', JSON.stringify(modern))
    const before = Date.now()
    await ask(path, '/?set=a=9&set=c=5;%20Path=/c;%20Max-Age=100', ['X-New:n', 'X-Two:three', '-a', 'you:z'])
    const { cookies, headers, auth } = await readJson(path)
    assert.deepEqual(auth, { raw_auth: 'you:z', type: 'basic' })
    assert.deepEqual(headers, [
      { name: 'X-Two', value: 'three' },
      { name: 'x-new', value: 'n' },
    ])
    const named = (name: string): (typeof cookies)[number] | undefined => cookies.find((one) => one.name === name)
    assert.deepEqual(named('a'), { ...modern.cookies[1], expires: null, value: '9' })
    const { expires, ...rest } = named('c') ?? { expires: 0 }
    assert.deepEqual(rest, { domain: 'localhost.local', name: 'c', path: '/c', secure: false, value: '5' })
    assert.ok(Number(expires) >= Math.floor(before / 1000) + 100 && Number(expires) <= Date.now() / 1000 + 100)
    assert.deepEqual(named('any'), modern.cookies[0])
    assert.deepEqual(named('b'), modern.cookies[4])
  })

  test('of the old form stays in the old form, as long as no two cookies have the same name', async () => {
    const path = await files.write('old.json', JSON.stringify(old))
    await ask(path)
    assert.deepEqual(seen, { cookie: 'k=v', authorization: basic('u:p'), fields: ['x-old: 1'] })
    assert.deepEqual(await readJson(path), old)
    await ask(path, '/?set=n=1')
    const added = { domain: 'localhost.local', expires: null, path: '/', secure: false, value: '1' }
    assert.deepEqual((await readJson(path)).cookies, { ...old.cookies, n: added })
    await ask(path, '/?set=n=2;%20Path=/other', ['X-Old:a', 'X-Old:b'])
    const { cookies, headers } = await readJson(path)
    assert.deepEqual(cookies.map(({ name }) => name).sort(), ['k', 'n', 'n'])
    assert.deepEqual(
      headers.map(({ value }) => value),
      ['a', 'b'],
    )
  })

  test('a cookie without a domain goes to the host of the URL, and not where a redirect leads', async () => {
    const path = await files.write('bound.json', JSON.stringify(modern))
    await using other = await startH1Origin(
      {
        '*': (_call, answer) => {
          answer.head(302, { location: `${origin.origin}/` })
          answer.end()
        },
      },
      { plain: true },
    )
    const from = other.origin.replace('localhost', '127.0.0.1')
    const { code } = await hyper(['-F', '--session', path, `${from}/`])
    assert.equal(code, 0)
    assert.match(String(other.requests.at(-1)?.headers['cookie']), /any=0/)
    assert.equal(seen.cookie, 'a=1')
  })

  test('written by hand, with nothing about itself, is one as well', async () => {
    const path = await files.write('hand.json', '{"headers": {"X-Hand": "1"}, "auth": {"type": null}}')
    await ask(path)
    assert.deepEqual(seen, { cookie: '', authorization: '', fields: ['x-hand: 1'] })
    assert.deepEqual(await readJson(path), { headers: { 'X-Hand': '1' }, auth: { type: null }, cookies: [] })
  })

  test('of a name is gone on with where HTTPie has it, unless there is one of that name here', async () => {
    const env = { HYPER_CONFIG_DIR: files.path('own'), HTTPIE_CONFIG_DIR: files.path('theirs') }
    const place = `sessions/localhost_${origin.port}`
    await mkdir(files.path(`theirs/${place}`), { recursive: true })
    const path = await files.write(`theirs/${place}/me.json`, JSON.stringify(modern))
    await ask('me', '/?set=a=7', [], { env })
    assert.equal(seen.authorization, basic('me:x'))
    assert.equal((await readJson(path)).cookies.find(({ name }) => name === 'a')?.value, '7')
    await ask('other', '/', [], { env })
    await mkdir(files.path(`own/${place}`), { recursive: true })
    await files.write(`own/${place}/me.json`, JSON.stringify(old))
    await ask('me', '/', [], { env })
    assert.equal(seen.authorization, basic('u:p'))
    const home = { HOME: files.path('home') }
    await mkdir(files.path(`home/.config/httpie/${place}`), { recursive: true })
    await files.write(`home/.config/httpie/${place}/me.json`, JSON.stringify(old))
    await ask('me', '/', [], { env: home })
    assert.equal(seen.authorization, basic('u:p'))
  })

  test('that cannot be understood is refused in one line, and stays as it is', async () => {
    for (const [content, why] of [
      [{ ...modern, auth: { type: 'jwt', raw_auth: 'x' } }, /auth has the type "jwt", which is none of/],
      [{ ...modern, auth: { type: 'basic' } }, /auth has no credentials/],
      [{ ...modern, cookies: 'x' }, /cookies is neither a list nor an object/],
      [{ ...modern, cookies: [{ value: 'x' }] }, /a cookie has no name/],
      [{ ...modern, cookies: [{ name: 'x', value: 1 }] }, /the cookie "x" has a value that is not text/],
      [{ ...modern, cookies: [{ name: 'x', value: '', expires: 'soon' }] }, /the cookie "x" has a wrong date/],
      [{ ...modern, headers: [{ value: 'x' }] }, /a header has no name/],
      [{ ...modern, headers: { X: 1 } }, /the value of the header "X" is not text/],
    ] as const) {
      const text = JSON.stringify(content)
      const path = await files.write('wrong.json', text)
      const { code, stderr } = await hyper(['--session', path, `${origin.origin}/`])
      assert.match(stderr, why)
      assert.match(stderr, /^hyper: error: the session "[^\n]*" is not a session: [^\n]*\nTry 'hyper --help'\.\n$/)
      assert.equal(code, 2)
      assert.equal(await readFile(path, 'utf8'), text)
    }
  })
})

test('a file of another kind is never taken for a session', async () => {
  for (const text of [
    '{}',
    '[]',
    '{"name": "x", "version": "1.0.0"}',
    '{"headers": [], "log": {}}',
    '{"__meta__": {"about": "a session of hyper", "format": 2}}',
    '',
  ]) {
    const path = await files.write('package.json', text)
    const { code, stderr } = await hyper(['--session', path, `${origin.origin}/?set=a=1`])
    assert.match(stderr, /is not a session: |not valid JSON/)
    assert.equal(code, 2)
    assert.equal(await readFile(path, 'utf8'), text)
  }
})

test('a session behind a link is written where the link leads, and ~ is the home of the user', async () => {
  const path = await files.write('real.json', JSON.stringify(modern))
  await symlink(path, files.path('link.json'))
  await ask(files.path('link.json'), '/?set=a=8')
  assert.equal((await readJson(path)).cookies.find(({ name }) => name === 'a')?.value, '8')
  await ask('~/real.json', '/', [], { env: { HOME: files.path('') } })
  assert.match(seen.cookie, /a=8/)
})

const version = spawnSync('http', ['--version'], { encoding: 'utf8' })

// What is above is written after HTTPie's own files; where it is installed, it is asked itself.
if (version.status === 0 && version.stdout.startsWith('3.')) {
  const httpie = (argv: readonly string[]): Promise<{ stderr: string }> =>
    promisify(execFile)('http', ['--ignore-stdin', ...argv], {
      env: { ...process.env, HTTPIE_CONFIG_DIR: files.path('httpie') },
    })

  test('a session goes from one to the other and back, by path and by name', async () => {
    for (const [name, env] of [
      [files.path('both.json'), {}],
      ['both', { HYPER_CONFIG_DIR: files.path('hyper'), HTTPIE_CONFIG_DIR: files.path('httpie') }],
    ] as const) {
      await httpie([
        `--session=${name}`,
        '-a',
        'me:x',
        `${origin.origin}/?set=a=1&set=b=2;%20Path=/b`,
        'X-A:1',
        'Cookie:c=3',
      ])
      await ask(name, '/b?set=d=4', ['X-B:2'], { env })
      assert.deepEqual(seen.cookie.split('; ').sort(), ['a=1', 'b=2', 'c=3'])
      assert.deepEqual([seen.authorization, seen.fields], [basic('me:x'), ['x-a: 1', 'x-b: 2']])
      const { stderr } = await httpie([`--session=${name}`, `${origin.origin}/b`])
      assert.equal(stderr, '')
      assert.deepEqual(seen.cookie.split('; ').sort(), ['a=1', 'b=2', 'c=3', 'd=4'])
      assert.deepEqual([seen.authorization, seen.fields], [basic('me:x'), ['x-a: 1', 'x-b: 2']])
    }
  })
}
