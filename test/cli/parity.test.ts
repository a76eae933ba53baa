/**
 * The rows of `parity-rows.ts`, run: ours, and HTTPie and curl where they are installed. What a server saw of the others must be
 * what it saw of ours. `docs/command-parity.md` is made of the same rows: UPDATE_PARITY=1 writes it anew.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync, inflateSync } from 'node:zlib'
import { testCertificate } from '../support/certificate.ts'
import { type Folder, folder, hyper } from './command.ts'
import { ROWS, type Row } from './parity-rows.ts'

/** What a server saw, of what counts. */
interface Seen {
  readonly method: string
  readonly url: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly body: unknown
}

const PROGRAMS = {
  httpie: { command: 'http', words: ['--ignore-stdin'], is: /^3\./ },
  curl: { command: 'curl', words: ['-sS'], is: /^curl / },
} as const

type Program = keyof typeof PROGRAMS

function isInstalled({ command, is }: (typeof PROGRAMS)[Program]): boolean {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  return status === 0 && is.test(stdout)
}

const installed = {
  httpie: isInstalled(PROGRAMS.httpie),
  curl: isInstalled(PROGRAMS.curl),
}

const whole = 'the whole text'

/** As HTTPie 3.2 writes it. */
const SESSION = {
  __meta__: { about: 'HTTPie session file', httpie: '3.2.4' },
  auth: { raw_auth: 'me:x', type: 'basic' },
  cookies: [{ domain: 'localhost.local', expires: null, name: 'a', path: '/', secure: false, value: '1' }],
  headers: [{ name: 'X-Kept', value: '1' }],
}

let files: Folder

before(async () => {
  files = await folder()
  const { clientCert, clientKey } = await testCertificate()
  await files.write('file.txt', 'text of a file')
  await files.write('cert.pem', clientCert)
  await files.write('key.pem', clientKey)
  await files.write('.netrc', 'machine localhost\nlogin rc\npassword x\n')
  await chmod(files.path('.netrc'), 0o600)
})

after(() => files[Symbol.asyncDispose]())

type Request = http.IncomingMessage | http2.Http2ServerRequest
type Response = http.ServerResponse | http2.Http2ServerResponse

/** One run of one program, against servers of its own. */
class Arena implements AsyncDisposable {
  readonly seen: Seen[] = []
  private readonly servers: (http.Server | https.Server | http2.Http2Server)[] = []
  private readonly open = new Set<{ destroy(): void }>()
  private busy = 2
  readonly words = new Map<string, string>()

  static async start(name: string): Promise<Arena> {
    const arena = new Arena()
    const { cert, key, ca } = await testCertificate()
    const serve = (request: Request, response: Response): void => void arena.serve(request, response)
    const port = await arena.listen(http.createServer(serve))
    const h2Port = await arena.listen(http2.createServer(serve))
    const tls = { cert, key, ca, requestCert: true, rejectUnauthorized: false }
    const tlsPort = await arena.listen(https.createServer(tls, serve))
    const socket = files.path(`${name}.sock`)
    await arena.listen(http.createServer(serve), socket)
    const part = files.path(`${name}.part`)
    for (const suffix of ['', '.httpie', '.curl']) await writeFile(`${part}${suffix}`, whole.slice(0, 4))
    const session = files.path(`${name}-session.json`)
    await writeFile(session, JSON.stringify(SESSION))
    for (const [word, meaning] of [
      ['TLSURL', `https://localhost:${tlsPort}`],
      ['H2URL', `http://localhost:${h2Port}`],
      ['URL', `http://localhost:${port}`],
      ['PORT', String(port)],
      ['FILE', files.path('file.txt')],
      ['OUT', files.path(`${name}.out`)],
      ['PART', part],
      ['SESSION', session],
      ['SOCK', socket],
      ['CERT', files.path('cert.pem')],
      ['KEY', files.path('key.pem')],
      ['CA', files.ca],
    ] as const) {
      arena.words.set(word, meaning)
    }
    return arena
  }

  /** The words of a command, with what stands for something put in. */
  split(command: string): string[] {
    const words = command.match(/(?:[^\s']+|'[^']*')+/g) ?? []
    return words.map((word) => {
      const plain = word.replace(/'([^']*)'/g, '$1')
      return plain.replace(
        /\b(?:TLSURL|H2URL|URL|PORT|FILE|OUT|PART|SESSION|SOCK|CERT|KEY|CA)\b/g,
        (name) => this.words.get(name) ?? name,
      )
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.open) socket.destroy()
    await Promise.all(this.servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }

  private async listen(server: http.Server | https.Server | http2.Http2Server, path?: string): Promise<number> {
    this.servers.push(server)
    server.on('connection', (socket) => {
      this.open.add(socket)
      socket.on('close', () => this.open.delete(socket))
    })
    await new Promise<void>((resolve) => {
      if (path === undefined) server.listen(0, 'localhost', resolve)
      else server.listen(path, resolve)
    })
    return path === undefined ? (server.address() as AddressInfo).port : 0
  }

  private async serve(request: Request, response: Response): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = (request.url ?? '').replace(/^http:\/\/[^/]+/, '')
    this.seen.push(look(request, path, Buffer.concat(chunks)))
    const answer = (status: number, fields: http.OutgoingHttpHeaders, body: string | Buffer = ''): void => {
      // HTTP/2 has the same for it, but not for the compiler.
      const plain = response as http.ServerResponse
      plain.writeHead(status, fields)
      plain.end(body)
    }
    const json = { 'content-type': 'application/json' }
    const plain = { 'content-type': 'text/plain' }
    switch (path.split('?')[0]) {
      case '/json':
        return answer(200, json, '{"b":1,"a":[1.0]}')
      case '/xml':
        return answer(200, { 'content-type': 'application/xml' }, '<a><b/></a>')
      case '/ndjson':
        return answer(200, { 'content-type': 'application/x-ndjson' }, '{"a":1}\n{"b":2}\n')
      case '/latin1':
        return answer(200, plain, Buffer.from([0xe9]))
      case '/text':
        return answer(200, plain, '{"a":1}')
      case '/events':
        return answer(200, { 'content-type': 'text/event-stream' }, 'data: {"a":1}\n\n')
      case '/gzip':
        return answer(200, { ...plain, 'content-encoding': 'gzip' }, gzipSync('coded'))
      case '/attack':
        return answer(200, plain, '\x1b[2J')
      case '/binary':
        return answer(200, { 'content-type': 'application/octet-stream' }, Buffer.from([0, 255]))
      case '/redirect':
        return answer(302, { location: '/json' })
      case '/307':
        return answer(307, { location: '/echo' })
      case '/loop':
        return answer(302, { location: '/loop' })
      case '/set-cookie':
        return answer(302, { location: '/echo', 'set-cookie': 'a=1' })
      case '/foreign-cookie':
        return answer(302, { location: '/echo', 'set-cookie': 'a=1; Domain=other.example' })
      case '/404':
        return answer(404, {})
      case '/500':
        return answer(500, {})
      case '/slow':
        return
      case '/busy':
        return this.busy-- > 0 ? answer(503, { 'retry-after': '0' }) : answer(200, {}, 'free')
      case '/range':
        return answer(206, { 'content-range': `bytes 4-${whole.length - 1}/${whole.length}` }, whole.slice(4))
      case '/digest':
        return this.digest(request, answer)
      default:
        return answer(200, json, Buffer.concat(chunks))
    }
  }

  private digest(
    request: Request,
    answer: (status: number, fields: http.OutgoingHttpHeaders, body?: string) => void,
  ): void {
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
    const given = request.headers.authorization ?? ''
    const field = (name: string): string => new RegExp(`\\b${name}="?([^",]*)`).exec(given)?.[1] ?? ''
    const a2 = md5(`${request.method}:/digest`)
    const right = md5(`${md5('me:r:x')}:abc:${field('nc')}:${field('cnonce')}:auth:${a2}`)
    if (given !== '' && field('response') === right) answer(200, {}, 'in')
    else answer(401, { 'www-authenticate': 'Digest realm="r", nonce="abc", qop="auth"' })
  }
}

/** Fields that count; `user-agent` only where there is none. */
const COUNTED = /^(?:content-type|content-encoding|transfer-encoding|authorization|cookie|range|host|priority|x-.*)$/

function look(request: Request, path: string, octets: Buffer): Seen {
  const fields: Record<string, unknown> = { 'user-agent': request.headers['user-agent'] !== undefined }
  for (const [name, value] of Object.entries(request.headers)) if (COUNTED.test(name)) fields[name] = value
  const type = String(request.headers['content-type'] ?? '')
  const boundary = /boundary=(.*)$/.exec(type)?.[1]
  if (type !== '') fields['content-type'] = type.split(';')[0]
  if (typeof fields['authorization'] === 'string' && /^Digest/.test(fields['authorization']))
    fields['authorization'] = 'Digest'
  // The port is another each time.
  fields['host'] = String(request.headers.host ?? request.headers[':authority'] ?? '').replace(/:\d+$/, '')
  const plain = request.headers['content-encoding'] === 'deflate' ? inflateSync(octets) : octets
  const text = boundary === undefined ? plain.toString() : plain.toString().replaceAll(boundary, 'BOUNDARY')
  return { method: request.method ?? '', url: path, fields, body: parsed(text) }
}

function parsed(text: string): unknown {
  try {
    // Digits that a number has no room for count as well.
    return JSON.stringify(JSON.parse(text.replace(/\d{17,}/g, '"$&"')))
  } catch {
    return text
  }
}

/** What a program did. */
interface Done {
  readonly code: number | null
  readonly seen: readonly Seen[]
}

async function runOther(program: Program, command: string, row: Row, name: string): Promise<Done> {
  const { command: file, words } = PROGRAMS[program]
  await using arena = await Arena.start(`${name}-${program}`)
  const argv = [...(row.stdin === undefined || program === 'curl' ? words : []), ...arena.split(command)]
  const env = { PATH: process.env['PATH'], HOME: environment(command).HOME, LANG: 'C.UTF-8' }
  const child = spawn(file, argv, {
    env,
    cwd: files.path(''),
    stdio: [row.stdin === undefined ? 'ignore' : 'pipe', 'ignore', 'ignore'],
  })
  child.stdin?.end(row.stdin)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, seen: arena.seen }
}

/** Only who is to find a ~/.netrc has one. */
function environment(command: string): { readonly HOME: string } {
  return { HOME: command.includes('X-Netrc') ? files.path('') : files.path('nobody') }
}

const all = ROWS.flatMap(([, rows]) => rows)

describe('each row', { concurrency: 2 }, () => {
  for (const [i, row] of all.entries()) {
    test(`${row.feature}: ${row.ours}`, async () => {
      const name = `row-${i}`
      await using arena = await Arena.start(name)
      const outcome = await hyper(arena.split(row.ours), {
        terminal: row.terminal ?? false,
        env: environment(row.ours),
        ...(row.stdin === undefined ? {} : { stdin: row.stdin }),
      })
      assert.equal(outcome.code, row.code ?? 0, outcome.stderr)
      if (row.shows !== undefined) assert.match(outcome.stdout, row.shows)
      if (row.says !== undefined) assert.match(outcome.stderr, row.says)
      if (row.unlike !== undefined) return
      for (const program of ['httpie', 'curl'] as const) {
        const command = row[program]
        if (command === undefined || !installed[program]) continue
        const other = await runOther(program, command, row, name)
        assert.deepEqual(arena.seen, other.seen, `what the server saw of ${program}`)
        if (program === 'httpie') assert.equal(outcome.code, other.code)
      }
    })
  }
})

function table(): string {
  const cell = (program: string, command: string | undefined): string =>
    command === undefined ? '' : `\`${program} ${command.replaceAll('|', '\\|')}\``
  const compared = (row: Row): string => {
    if (row.unlike !== undefined) return row.unlike
    const others = [row.httpie === undefined ? '' : 'HTTPie', row.curl === undefined ? '' : 'curl'].filter(
      (one) => one !== '',
    )
    return others.length === 0 ? 'ours alone' : `as ${others.join(' and ')}`
  }
  let number = 0
  const parts = ROWS.map(([title, rows]) => {
    const lines = rows.map((row) => {
      number++
      return `| ${number} | ${row.feature} | ${cell('http', row.httpie)} | ${cell('curl', row.curl)} | ${cell('hyper', row.ours)} | ${compared(row)} |`
    })
    return `## ${title}\n\n| | | HTTPie | curl | ours | the server sees |\n|---|---|---|---|---|---|\n${lines.join('\n')}\n`
  })
  return `# The \`hyper\` command beside HTTPie and curl

Each row is run by a test ([parity.test.ts](../test/cli/parity.test.ts)), which also writes this page: ours always, HTTPie 3 and
curl where they are installed. "As" means that a server saw the same of them: method, target, fields that count, body. \`URL\`
is a server of the test, \`FILE\` a text file, \`OUT\` a file that is not there yet, \`SESSION\` a
session of HTTPie. An empty place: there is no such thing.

${parts.join('\n')}`
}

test('docs/command-parity.md is made of the rows', async () => {
  const path = fileURLToPath(new URL('../../docs/command-parity.md', import.meta.url))
  if (process.env['UPDATE_PARITY'] === '1') await writeFile(path, table())
  assert.equal(await readFile(path, 'utf8'), table())
  assert.ok(all.length >= 90, `${all.length} rows`)
})
