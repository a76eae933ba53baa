/**
 * Every program of `examples/`, run as its top comment says, in a process of its own, against the built package. Each
 * checks itself and says so by its exit status; beside that it must end by itself, print something, and complain of nothing.
 *
 * `npm run examples`, which builds first. The main job has a script of its own, `npm start`.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HTTP20Connection } from 'hyper-transport'
import { FrameParser, PREFACE } from 'hyper-transport/frame'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = new URL('../../examples/', import.meta.url)
/** A server that goes on until it is stopped, and the main job, which is tested by being run. */
const others = ['tiny-server.ts', 'main-job.ts']
const programs = readdirSync(folder).filter((name) => name.endsWith('.ts') && !others.includes(name))

for (const name of programs) {
  test(`examples/${name} shows what it promises`, { timeout: 60_000 }, async () => {
    const { code, output, complaints } = await run(name)
    assert.equal(code, 0, `${name} ended with ${code}:\n${output}${complaints}`)
    assert.notEqual(output, '')
    assert.equal(complaints, '')
  })

  test(`examples/${name} is short, and says how to run it`, () => {
    const source = readFileSync(new URL(name, folder), 'utf8')
    assert.ok(source.split('\n').length < 120, `${name} has ${source.split('\n').length} lines`)
    const comment = /^\/\*\*.*?\*\//s.exec(source)?.[0] ?? ''
    assert.ok(comment.includes(`\`node examples/${name}\``), `${name} does not say how to run it`)
    assert.doesNotMatch(source, /from '\.\.\/(?:src|adapters|dist)/)
  })
}

test('examples/tiny-server.ts serves what it lists', { timeout: 30_000 }, async () => {
  const child = start('tiny-server.ts')
  try {
    const origin = /http:\/\/localhost:\d+/.exec(await firstLine(child))?.[0]
    assert.ok(origin)
    await using connection = new HTTP20Connection(origin, { enablePush: true })
    assert.match(await (await connection.roundTrip('GET', '/')).text(), /^Hello/)
    assert.equal(await (await connection.roundTrip('POST', '/echo', { body: 'back' })).text(), 'back')
    assert.equal((await (await connection.roundTrip('GET', '/bytes/100000')).bytes()).length, 100_000)
    const ended = await connection.roundTrip('GET', '/trailers')
    await ended.bytes()
    assert.equal((await ended.trailers).text('x-checksum'), 'f00d')
    const stream = await connection.request('GET', '/push')
    const pushed: string[] = []
    for await (const { path } of connection.getPushes(stream, { captureAll: true })) pushed.push(path)
    assert.deepEqual(pushed, ['/style.css'])
    assert.equal((await connection.getResponse(stream)).status, 200)
    const large = Buffer.alloc(3_000_000, 'abcdefg')
    assert.ok(large.equals(await (await connection.roundTrip('POST', '/echo', { body: large })).bytes()))
    assert.equal((await connection.roundTrip('HEAD', '/bytes/900000000')).status, 200)
    // What is asked for is made as it is taken: nothing near its size is ever kept.
    const huge = await connection.roundTrip('GET', '/bytes/900000000')
    if (process.platform === 'linux') {
      const memory = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
      assert.ok(Number(memory) < 400_000, `${memory} kB`)
    }
    huge.close()
  } finally {
    child.kill()
  }
})

test('examples/tiny-server.ts says why it closes, and closes', { timeout: 30_000 }, async () => {
  const child = start('tiny-server.ts')
  try {
    const port = /http:\/\/localhost:(\d+)/.exec(await firstLine(child))?.[1]
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(PREFACE)
    socket.write(Buffer.from('000000040000000000' + '000001000100000000' + '61', 'hex'))
    const octets: Buffer[] = []
    for await (const chunk of socket) octets.push(chunk)
    const frames = new FrameParser().receive(Buffer.concat(octets))
    assert.equal(frames.at(-1)?.type, 'GOAWAY')
  } finally {
    child.kill()
  }
})

function start(name: string): ChildProcess {
  return spawn(process.execPath, [`examples/${name}`], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function run(name: string): Promise<{ code: number | null; output: string; complaints: string }> {
  const child = start(name)
  const overdue = setTimeout(() => child.kill(), 30_000)
  let output = ''
  let complaints = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    complaints += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearTimeout(overdue)
  // Node and undici say of some of their parts that they may change.
  const expected = /^.*(?:ExperimentalWarning|is experimental).*\n(?:\(Use `node --trace-warnings.*\n)?/gm
  return { code, output, complaints: complaints.replace(expected, '') }
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout)
  for await (const line of createInterface(child.stdout)) return line
  throw new Error('it ended without a word')
}
