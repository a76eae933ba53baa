import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { FormData as UndiciFormData } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { Recorder } from '../../support/recorder.ts'

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

const text = 'body of the request: ü'
const octets = Buffer.from(text)
const bodies: readonly [string, () => unknown][] = [
  ['text', () => text],
  ['a Buffer', () => octets],
  ['a Uint16Array', () => new Uint16Array(new Uint8Array([...octets, 0x21]).buffer)],
  ['an ArrayBuffer', () => new Uint8Array(octets).buffer],
  ['a Blob', () => new Blob([octets])],
  ['a Readable', () => Readable.from([octets.subarray(0, 5), octets.subarray(5)])],
  ['an iterable', () => [octets.subarray(0, 5), octets.subarray(5)].values()],
  [
    'an async generator',
    async function* () {
      yield octets.subarray(0, 5)
      yield text.slice(5)
    },
  ],
  ['a web stream', () => new Blob([octets]).stream()],
]

for (const start of [startH2Origin, startH1Origin]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'
  for (const [what, make] of bodies) {
    test(`${what} is a body over ${protocol}`, async () => {
      await using origin = await start()
      await using dispatcher = dispatcherFor(origin)
      const response = await dispatcher.request({
        origin: origin.origin,
        path: '/echo',
        method: 'POST',
        body: make() as string,
      })
      assert.equal((await response.body.text()).replace(/!$/, ''), text)
    })
  }

  for (const [whose, Form] of [
    ["undici's", UndiciFormData],
    ["Node's", FormData],
  ] as const) {
    test(`${whose} FormData is a body over ${protocol}`, async () => {
      await using origin = await start()
      await using dispatcher = dispatcherFor(origin)
      const form = new Form()
      form.append('field', 'one\ntwo')
      form.append('file', new Blob(['content'], { type: 'text/x-test' }), 'na"me.txt')
      const response = await dispatcher.request({
        origin: origin.origin,
        path: '/echo',
        method: 'POST',
        body: form as UndiciFormData,
      })
      const type = response.headers['content-type']
      assert.equal(typeof type, 'string')
      const bytes = await response.body.arrayBuffer()
      assert.equal(response.headers['x-content-length'], String(bytes.byteLength))
      const read = await new Response(bytes, { headers: { 'content-type': String(type) } }).formData()
      assert.equal(read.get('field'), 'one\r\ntwo')
      const file = read.get('file')
      assert.ok(file instanceof File)
      assert.deepEqual([file.name, file.type, await file.text()], ['na"me.txt', 'text/x-test', 'content'])
    })
  }

  test(`a body of no octets is no body over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const response = await dispatcher.request({ origin: origin.origin, path: '/echo', method: 'POST', body: '' })
    assert.equal(await response.body.text(), '')
    assert.equal(response.headers['x-content-length'], '0')
  })

  test(`a request body that fails aborts the request with its error over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const broken = new Error('source broke')
    const body = Readable.from(
      (async function* () {
        yield 'begin'
        throw broken
      })(),
    )
    const request = dispatcher.request({ origin: origin.origin, path: '/echo-length', method: 'POST', body })
    await assert.rejects(request, broken)
  })

  test(`a stream that was destroyed, before or while it is sent, aborts the request over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const gone = Readable.from(['x']).destroy()
    const going = new Readable({ read() {} })
    going.push('begin')
    setTimeout(() => going.destroy(), 30)
    for (const body of [gone, going]) {
      const request = dispatcher.request({ origin: origin.origin, path: '/echo-length', method: 'POST', body })
      await assert.rejects(request, { name: 'AbortError', code: 'UND_ERR_ABORTED', message: 'Request aborted' })
    }
  })

  test(`headers in each shape arrive over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const shapes = [
      { 'X-One': '1', 'x-two': ['2', '3'], 'x-none': undefined, 'x-null': null },
      ['X-One', '1', 'x-two', '2', 'x-two', '3', 'x-null', ''],
      new Map<string, string | string[]>([
        ['X-One', '1'],
        ['x-two', ['2', '3']],
        ['x-null', ''],
      ]),
    ]
    for (const headers of shapes) {
      const { body } = await dispatcher.request({
        origin: origin.origin,
        path: '/headers',
        method: 'GET',
        headers: headers as string[],
      })
      const raw = (await body.json()) as string[]
      const own = raw.map((part, i) => [part, raw[i + 1]]).filter(([name], i) => i % 2 === 0 && /^x-/i.test(name))
      // Over HTTP/1.1 as they were spelt.
      const first =
        protocol === 'HTTP/1.1' && JSON.stringify(headers instanceof Map ? [...headers] : headers).includes('X-One')
      assert.deepEqual(own, [
        [first ? 'X-One' : 'x-one', '1'],
        ['x-two', '2'],
        ['x-two', '3'],
        ['x-null', ''],
      ])
    }
  })
}

test('a stream that fails before the request is sent fails the request, and nothing else', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const body = createReadStream('/nonexistent/file')
  const recorder = new Recorder()
  dispatcher.dispatch({ origin: origin.origin, path: '/echo', method: 'POST', body }, recorder)
  await recorder.done
  assert.equal(recorder.error?.code, 'ENOENT')
})

test('a stream is destroyed when its request fails', async () => {
  await using dispatcher = new HyperDispatcher()
  const body = new Readable({ read() {} })
  const recorder = new Recorder()
  dispatcher.dispatch({ origin: 'http://localhost:1', path: '/', method: 'POST', body }, recorder)
  await recorder.done
  assert.equal(recorder.error?.code, 'ECONNREFUSED')
  assert.equal(body.destroyed, true)
})
