/** The tiny server of `examples/`, on our server role, driven by clients of other projects. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { start } from '../../examples/tiny-server.ts'
import { versionOf } from '../support/programs.ts'

const run = promisify(execFile)
const missing = (program: string): string | false =>
  versionOf(program) === undefined ? `${program} is not installed` : false

describe('the tiny server', () => {
  let server: Server
  let origin = ''
  let folder = ''

  before(async () => {
    server = await start()
    const address = server.address()
    assert.ok(address !== null && typeof address === 'object')
    origin = `http://127.0.0.1:${address.port}`
    folder = await mkdtemp(join(tmpdir(), 'hyper-transport-'))
    await writeFile(join(folder, 'upload'), Buffer.alloc(3_000_000, 'upload '))
  })

  after(async () => {
    server.close()
    await rm(folder, { recursive: true, force: true })
  })

  const curl = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('curl', ['-sS', '--http2-prior-knowledge', ...args], { maxBuffer: 1 << 26 })
    return stdout
  }

  test('curl: GET, HEAD, 404, 103', { skip: missing('curl') }, async () => {
    assert.equal(await curl(`${origin}/`), 'Hello from the server role.\n')
    assert.match(await curl('-I', `${origin}/bytes/1000`), /^HTTP\/2 200[\s\S]*content-length: 1000/)
    assert.equal(await curl('-o', '/dev/null', '-w', '%{http_code} %{http_version}', `${origin}/nothing`), '404 2')
    assert.match(await curl('-i', `${origin}/early`), /HTTP\/2 103[\s\S]*HTTP\/2 200[\s\S]*after an early hint/)
  })

  test('curl: a large download and a large upload', { skip: missing('curl') }, async () => {
    assert.equal((await curl(`${origin}/bytes/5000000`)).length, 5_000_000)
    const echoed = await curl('--data-binary', `@${join(folder, 'upload')}`, `${origin}/echo`)
    assert.equal(echoed, Buffer.alloc(3_000_000, 'upload ').toString())
  })

  test('nghttp: multiplexed requests, trailers, push', { skip: missing('nghttp') }, async () => {
    const { stdout } = await run('nghttp', ['-v', `${origin}/push`, `${origin}/trailers`, `${origin}/early`])
    assert.match(stdout, /PUSH_PROMISE/)
    assert.match(stdout, /body \{ color: teal \}/)
    assert.match(stdout, /x-checksum: f00d/)
    assert.match(stdout, /:status: 103/)
    assert.doesNotMatch(stdout, /RST_STREAM|(?!NO_)\b[A-Z]+_ERROR/)
  })

  test('h2load: thousands of requests on several connections', { skip: missing('h2load') }, async () => {
    const small = await run('h2load', ['-n', '20000', '-c', '4', '-m', '50', `${origin}/`])
    assert.match(small.stdout, /20000 succeeded, 0 failed, 0 errored, 0 timeout/)
    const large = await run('h2load', ['-n', '200', '-c', '2', '-m', '10', `${origin}/bytes/1000000`])
    assert.match(large.stdout, /200 succeeded, 0 failed, 0 errored, 0 timeout/)
    const posts = await run('h2load', [
      '-n',
      '100',
      '-c',
      '2',
      '-m',
      '5',
      '-d',
      join(folder, 'upload'),
      `${origin}/echo`,
    ])
    assert.match(posts.stdout, /100 succeeded, 0 failed, 0 errored, 0 timeout/)
  })

  test("Node's own fetch, which speaks HTTP/1.1 here, fails and does not disturb the server", async () => {
    await assert.rejects(fetch(origin))
    assert.equal(server.listening, true)
  })
})
