/** What Node's own fetch does, and ours must. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createFetch } from '../../../adapters/fetch.ts'
import { collected } from '../../support/collected.ts'
import { type Routes, startH1Origin, startH2Origin } from '../../support/origin.ts'
import { both } from './both.ts'

const ROUTES: Routes = {
  '/text'(_call, answer) {
    answer.head(200, { 'x-a': '1' })
    answer.end('Hello world!')
  },
  '/to'(call, answer) {
    answer.head(302, { location: call.query.get('location') ?? '/text' })
    answer.end()
  },
  '/nowhere'(_call, answer) {
    answer.head(302)
    answer.end()
  },
  '/407'(_call, answer) {
    answer.head(407)
    answer.end()
  },
}

both(
  'a Request with a second argument of whatever option is sent',
  async ({ fetch, url }) => {
    for (const init of [
      { cache: 'no-store' },
      { credentials: 'include' },
      { keepalive: true },
      { priority: 'high' },
      { referrer: '' },
      { referrerPolicy: 'no-referrer' },
      { window: null },
      { mode: 'cors' },
    ]) {
      const response = await fetch(new Request(url('/text')), init as RequestInit)
      assert.equal(await response.text(), 'Hello world!', JSON.stringify(init))
    }
  },
  ROUTES,
)

both(
  'integrity that names an algorithm we know is looked at, whatever stands for its value',
  async ({ fetch, url }) => {
    const good = createHash('sha256').update('Hello world!').digest('base64')
    for (const integrity of ['sha256-ä', 'sha256-@@', 'sha256-', 'sha256', `sha384-ä sha256-${good}`, 'sha512-']) {
      await assert.rejects(fetch(url('/text'), { integrity }), { message: 'fetch failed' }, integrity)
    }
    for (const integrity of ['', 'md5-x', `sha256-${good}`, `sha256-${good}?option`, `sha256-@@ sha256-${good}`]) {
      assert.equal(await (await fetch(url('/text'), { integrity })).text(), 'Hello world!')
    }
  },
  ROUTES,
)

both(
  'a redirect with credentials is refused, one that leads nowhere too when redirects are errors, and 407 is no answer',
  async ({ fetch, url }) => {
    const cause = async (promise: Promise<unknown>): Promise<unknown> => {
      const error: unknown = await promise.then(String, (thrown: unknown) => thrown)
      return error instanceof TypeError && error.cause instanceof Error ? error.cause.message : error
    }
    const withCredentials = url('/text').replace('://', '://a:b@')
    assert.match(
      String(await cause(fetch(url(`/to?location=${encodeURIComponent(withCredentials)}`)))),
      /cross origin not allowed for request mode "cors"/,
    )
    assert.equal(await cause(fetch(url('/nowhere'), { redirect: 'error' })), 'unexpected redirect')
    assert.equal(await cause(fetch(url('/to'), { redirect: 'error' })), 'unexpected redirect')
    assert.equal((await fetch(url('/nowhere'))).status, 302)
    assert.equal(await cause(fetch(url('/407'))), 'proxy authentication required')
  },
  ROUTES,
)

both(
  "a response's status is seen by the class's own getters, and its headers cannot be changed",
  async ({ fetch, url }) => {
    const response = await fetch(url('/nowhere'))
    const own = (name: string): unknown =>
      Object.getOwnPropertyDescriptor(Response.prototype, name)?.get?.call(response)
    assert.equal(own('status'), 302)
    assert.equal(own('ok'), false)
    const { headers } = await fetch(url('/text'))
    for (const change of [
      () => headers.set('x-a', '2'),
      () => headers.append('x-a', '2'),
      () => headers.delete('x-a'),
    ]) {
      assert.throws(change, { name: 'TypeError', message: 'immutable' })
    }
    assert.equal(headers.get('x-a'), '1')
    const copy = new Headers(headers)
    copy.set('x-a', '2')
    assert.equal(copy.get('x-a'), '2')
  },
  ROUTES,
)

both('trailers can be awaited before a long body is read, and the body after them', async ({ fetch, url }) => {
  const response = await fetch(url('/bytes/3000000'))
  assert.deepEqual([...(await response.trailers)], [])
  assert.equal((await response.arrayBuffer()).byteLength, 3_000_000)
})

both(
  'a fetch is an entry of resource timing, under the URL that was asked for',
  async ({ fetch, url }) => {
    performance.clearResourceTimings()
    await (await fetch(url('/to'))).text()
    const entries = performance.getEntriesByName(url('/to'))
    assert.equal(entries.length, 1)
    const [entry] = entries
    assert.ok(entry !== undefined)
    assert.equal(Reflect.get(entry, 'initiatorType'), 'fetch')
    assert.equal(Reflect.get(entry, 'encodedBodySize'), 'Hello world!'.length)
    assert.ok(entry.duration > 0)
  },
  ROUTES,
)

test('what follows a redirect over HTTP/1.1 goes over the same connection, and no other is made', async () => {
  await using origin = await startH1Origin(ROUTES)
  await using fetch = createFetch({ tls: { ca: origin.ca } })
  for (let i = 0; i < 3; i++) assert.equal(await (await fetch(`${origin.origin}/to`)).text(), 'Hello world!')
  assert.equal(origin.connections, 1)
})

test('over http: no coding is asked for that came later than gzip and deflate', async () => {
  let asked: unknown
  await using origin = await startH1Origin(
    {
      '*'(call, answer) {
        asked = call.headers['accept-encoding']
        answer.end()
      },
    },
    { plain: true },
  )
  await using fetch = createFetch({ idleTimeout: 1000 })
  await fetch(`${origin.origin}/`)
  const ours = asked
  await globalThis.fetch(`${origin.origin}/`, { headers: { connection: 'close' } }).then((response) => response.text())
  assert.equal(ours, asked)
})

for (const [protocol, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${protocol}: a response that was looked at, cloned, printed or half read and then forgotten ends its exchange`, async () => {
    await using origin = await start({
      '*'(_call, answer) {
        answer.head(200)
        const chunk = Buffer.alloc(64 * 1024)
        const more = (): void => {
          while (!Reflect.get(answer.stream, 'destroyed') && answer.write(chunk));
        }
        answer.stream.on('drain', more)
        more()
      },
    })
    const script = `
      const uses = [
        (response) => response.body,
        (response) => response.clone(),
        async (response) => (await import('node:util')).inspect(response),
        async (response) => { await response.body.getReader().read() },
        async (response) => { const copy = response.clone(); await copy.body.getReader().read() },
      ]
      for (const use of uses) await (async () => { await use(await fetch(url + '/')) })()
      // It waits for every exchange to end.
      await fetch.close()
    `
    assert.equal(await collected(origin, script), 'done')
  })

  test(`${protocol}: a body that was cancelled, or that failed, is garbage-collected with its response`, async () => {
    await using origin = await start({
      '*'(_call, answer) {
        answer.head(200)
        answer.write('one')
      },
    })
    const script = `
      const watched = []
      const uses = [
        (response) => response.body.cancel(),
        async (response) => { const reader = response.body.getReader(); await reader.read(); await reader.cancel() },
        async (response) => { for await (const chunk of response.body) break },
        async (response) => { const copy = response.clone(); await Promise.all([response.body.cancel(), copy.body.cancel()]) },
        async (response, controller) => {
          // The trace of the error holds the response, as a method of it is on the stack.
          response.stop = function () { controller.abort() }
          response.stop()
          await response.text().catch(() => {})
        },
      ]
      for (const use of uses) {
        await (async () => {
          const controller = new AbortController()
          const response = await fetch(url + '/', { signal: controller.signal })
          watched.push(new WeakRef(response), new WeakRef(response.body))
          await use(response, controller)
        })()
      }
      while (watched.some((one) => one.deref() !== undefined)) await new Promise((resolve) => setTimeout(resolve, 5))
    `
    assert.equal(await collected(origin, script), 'done')
  })

  test(`${protocol}: a fetch of a Request is aborted by the caller's signal, whoever has collected the Request`, async () => {
    await using origin = await start({ '*': () => {} })
    const script = `
      const controller = new AbortController()
      const waiting = fetch(new Request(url + '/', { signal: controller.signal })).catch((error) => error.name)
      await new Promise((resolve) => setTimeout(resolve, 200))
      controller.abort()
      if (await waiting !== 'AbortError') throw new Error('not aborted')
    `
    assert.equal(await collected(origin, script), 'done')
  })
}
