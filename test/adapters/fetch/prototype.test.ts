/** Whoever reaches for `Response.prototype`'s own members finds in our responses what he finds in Node's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { runModule } from '../../support/child.ts'
import { type Routes, startH2Origin } from '../../support/origin.ts'
import { both } from './both.ts'

const ROUTES: Routes = {
  '/typed'(_call, answer) {
    answer.head(200, { 'content-type': 'text/x', 'x-a': '1', 'set-cookie': ['a=1', 'b=2'] })
    answer.end('Hello world!')
  },
  '/form'(_call, answer) {
    answer.head(200, { 'content-type': 'application/x-www-form-urlencoded' })
    answer.end('a=1&b=2')
  },
  '/nothing'(_call, answer) {
    answer.head(304, { etag: '"a"' })
    answer.end()
  },
}

function own(name: 'body' | 'headers' | 'bodyUsed' | 'status', response: Response): unknown {
  return Object.getOwnPropertyDescriptor(Response.prototype, name)?.get?.call(response)
}

const { prototype } = Response

both(
  "Response.prototype's methods for the body, called on a response, give its body",
  async ({ fetch, url }) => {
    assert.equal(await prototype.text.call(await fetch(url('/typed'))), 'Hello world!')
    assert.deepEqual(await prototype.json.call(await fetch(url('/json'))), await (await fetch(url('/json'))).json())
    assert.equal((await prototype.arrayBuffer.call(await fetch(url('/bytes/300000')))).byteLength, 300_000)
    assert.equal((await prototype.bytes.call(await fetch(url('/typed')))).length, 12)
    const blob = await prototype.blob.call(await fetch(url('/typed')))
    assert.deepEqual([blob.type, await blob.text()], ['text/x', 'Hello world!'])
    assert.deepEqual(
      [...(await prototype.formData.call(await fetch(url('/form'))))],
      [
        ['a', '1'],
        ['b', '2'],
      ],
    )
  },
  ROUTES,
)

both(
  "what Response.prototype's methods have read cannot be read again by the response's own, nor the other way about",
  async ({ fetch, url }) => {
    const response = await fetch(url('/typed'))
    assert.equal(own('bodyUsed', response), false)
    await prototype.text.call(response)
    assert.deepEqual([response.bodyUsed, own('bodyUsed', response)], [true, true])
    await assert.rejects(response.text(), {
      name: 'TypeError',
      message: 'Body is unusable: Body has already been read',
    })
    const other = await fetch(url('/typed'))
    await other.text()
    assert.deepEqual([other.bodyUsed, own('bodyUsed', other)], [true, true])
    await assert.rejects(prototype.text.call(other), { message: 'Body is unusable: Body has already been read' })
    assert.throws(() => prototype.clone.call(other), { name: 'TypeError' })
    assert.equal((own('body', other) as ReadableStream).locked, true)
  },
  ROUTES,
)

both(
  'Response.prototype.clone gives a whole copy, and leaves the response whole',
  async ({ fetch, url }) => {
    for (const path of ['/typed', '/bytes/400000']) {
      const response = await fetch(url(path))
      const copy = prototype.clone.call(response)
      assert.equal(copy.status, 200)
      assert.equal(copy.headers.get('x-a'), response.headers.get('x-a'))
      const [first, second] = await Promise.all([copy.bytes(), response.bytes()])
      assert.deepEqual(first, second)
      assert.ok(first.length > 0)
    }
    for (const path of ['/typed', '/bytes/400000']) {
      const response = await fetch(url(path))
      const copies = [prototype.clone.call(response), response.clone(), response.clone(), response]
      const bodies = await Promise.all(copies.map((copy) => copy.bytes()))
      for (const body of bodies) assert.deepEqual(body, bodies[0])
      assert.ok(bodies[0].length > 0)
      assert.equal(response.bodyUsed, true)
    }
    const bare = prototype.clone.call(await fetch(url('/nothing')))
    assert.deepEqual([bare.status, bare.headers.get('etag'), bare.body], [304, '"a"', null])
  },
  ROUTES,
)

both(
  "Response.prototype's getters give the body's stream and the header fields",
  async ({ fetch, url }) => {
    const response = await fetch(url('/bytes/300000'))
    const body = own('body', response) as ReadableStream<Uint8Array>
    assert.ok(body instanceof ReadableStream)
    assert.equal(body.locked, false)
    let length = 0
    for await (const chunk of body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>())) length += chunk.length
    assert.equal(length, 300_000)
    assert.equal(response.bodyUsed, true)
    const read = await fetch(url('/typed'))
    const reader = ReadableStream.prototype.getReader.call(
      own('body', read),
      {},
    ) as ReadableStreamDefaultReader<Uint8Array>
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'Hello world!')
    assert.equal(read.body?.locked, true)
    assert.equal(own('body', await fetch(url('/nothing'))), null)
    assert.equal(await new Response(own('body', await fetch(url('/typed'))) as ReadableStream).text(), 'Hello world!')
  },
  ROUTES,
)

both(
  'headers taken by the getter of Response.prototype are the real ones, whatever is asked of them first',
  async ({ fetch, url }) => {
    const looks: ((headers: Headers) => unknown)[] = [
      (headers) => headers.get('x-a'),
      (headers) => headers.has('x-a'),
      (headers) => [...headers].filter(([name]) => name.startsWith('x-')),
      (headers) => [...headers.keys()].includes('x-a'),
      (headers) => [...headers.values()].includes('1'),
      (headers) => [...headers.entries()].length > 2,
      (headers) => headers.getSetCookie(),
      (headers) => {
        const names: string[] = []
        headers.forEach((_value, name) => {
          names.push(name)
        })
        return names.includes('x-a')
      },
      (headers) => new Headers(headers).get('x-a'),
      (headers) => new Response(null, { headers }).headers.getSetCookie(),
      (headers) => inspect(headers).includes("'x-a': '1'"),
    ]
    for (const look of looks) {
      const response = await fetch(url('/typed'))
      const headers = own('headers', response) as Headers
      assert.ok(headers instanceof Headers)
      const found = look(headers)
      assert.deepEqual(found, look(response.headers), String(look))
      assert.ok(found)
      assert.equal(Object.getPrototypeOf(headers), Headers.prototype)
    }
    for (const change of ['set', 'append'] as const) {
      const headers = own('headers', await fetch(url('/typed'))) as Headers
      assert.throws(() => headers[change]('x-a', '2'), { name: 'TypeError', message: 'immutable' })
    }
    const headers = own('headers', await fetch(url('/typed'))) as Headers
    assert.throws(() => headers.delete('x-a'), { name: 'TypeError', message: 'immutable' })
  },
  ROUTES,
)

both(
  "a response as another's options, and a loop over its names, give what they give for any",
  async ({ fetch, url }) => {
    const response = await fetch(url('/typed'))
    const names: string[] = []
    for (const name in response) names.push(name)
    const usual: string[] = []
    for (const name in new Response()) usual.push(name)
    assert.deepEqual(names.sort(), usual.sort())
    assert.deepEqual(Object.keys(response), [])
    assert.throws(() => structuredClone(response), { name: 'DataCloneError' })
    const copy = new Response(response.body, response)
    assert.deepEqual([copy.status, copy.headers.get('x-a'), await copy.text()], [200, '1', 'Hello world!'])
  },
  ROUTES,
)

both(
  'a method that somebody has put on Response.prototype is called, and so is what it calls',
  async ({ fetch, url }) => {
    await fetch(url('/typed'))
    const seen: string[] = []
    for (const name of ['text', 'json', 'arrayBuffer', 'bytes', 'blob', 'formData', 'clone'] as const) {
      const native = prototype[name] as () => unknown
      Object.assign(prototype, {
        [name](this: Response): unknown {
          seen.push(name)
          return native.call(this)
        },
      })
      try {
        const response = await fetch(url(name === 'json' ? '/json' : '/form'))
        assert.ok(await response[name]())
      } finally {
        Object.assign(prototype, { [name]: native })
      }
    }
    assert.deepEqual(seen, ['text', 'json', 'arrayBuffer', 'bytes', 'blob', 'formData', 'clone'])
  },
  ROUTES,
)

test('a method that was put on Response.prototype before the first fetch is called as well', async () => {
  await using origin = await startH2Origin(ROUTES)
  const found = await runModule(
    `
    const native = Response.prototype.text
    Response.prototype.text = async function () { return 'seen: ' + await native.call(this) }
    const { createFetch } = await import(root + 'adapters/fetch.ts')
    const fetch = createFetch({ tls: { ca: process.env.CA } })
    console.log(JSON.stringify(await (await fetch(process.env.ORIGIN + '/typed')).text()))
    await fetch.close()
  `,
    { ORIGIN: origin.origin, CA: origin.ca },
  )
  assert.equal(found, 'seen: Hello world!')
})
