import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runModule } from '../../support/child.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

const slots = `[1, 2].map((n) => Object.getOwnPropertyDescriptor(globalThis, Symbol.for('undici.globalDispatcher.' + n)) !== undefined)`

test('importing the undici shim touches neither of the global dispatcher slots', async () => {
  const found = await runModule(`
    const before = ${slots}
    const { HyperDispatcher } = await import(root + 'adapters/undici.ts')
    new HyperDispatcher()
    console.log(JSON.stringify([before, ${slots}]))
  `)
  assert.deepEqual(found, [
    [false, false],
    [false, false],
  ])
})

test('importing fetch touches neither of the global dispatcher slots', async () => {
  const found = await runModule(`
    const { createFetch } = await import(root + 'adapters/fetch.ts')
    createFetch()
    console.log(JSON.stringify(${slots}))
  `)
  assert.deepEqual(found, [false, false])
})

/** What a script prints that fetches from an origin which the environment names. */
function fetchWith(origin: TestOrigin, setUp: string): Promise<unknown> {
  return runModule(
    `
    const { HyperDispatcher, install } = await import(root + 'adapters/undici.ts')
    const origin = process.env.ORIGIN
    const dispatcher = new HyperDispatcher({ connect: { ca: process.env.CA } })
    ${setUp}
    const response = await fetch(origin + '/echo', { method: 'POST', body: 'text', headers: { 'X-Case': 'Kept' } })
    const posted = [response.status, await response.text(), response.headers.get('x-method'), response.headers.get('x-x-case')]
    const json = await (await fetch(origin + '/json')).json()
    const coded = await (await fetch(origin + '/gzip')).text()
    const redirected = await fetch(origin + '/redirect')
    const cookies = (await fetch(origin + '/set-cookie')).headers.getSetCookie()
    const hinted = await (await fetch(origin + '/103')).text()
    const long = (await (await fetch(origin + '/bytes/3000000')).arrayBuffer()).byteLength
    const failed = await fetch(origin + '/reset/2').catch((error) => [error.message, error.cause.code])
    const aborted = await fetch(origin + '/slow', { signal: AbortSignal.timeout(50) }).catch((error) => error.name)
    console.log(JSON.stringify({ posted, json: json.hello, coded: coded.length, redirected: redirected.url === origin + '/json', cookies, hinted, long, failed, aborted }))
    await dispatcher.destroy()
  `,
    { ORIGIN: origin.origin, CA: origin.ca },
  )
}

const expected = {
  posted: [200, 'text', 'POST', 'Kept'],
  json: 'world',
  coded: 1984,
  redirected: true,
  cookies: ['a=1; Path=/', 'b=2; Path=/'],
  hinted: 'after hints',
  long: 3_000_000,
  failed: ['fetch failed', 'ERR_HTTP2_STREAM_ERROR'],
  aborted: 'TimeoutError',
}

const setGlobal = `
  const { setGlobalDispatcher } = await import('undici')
  setGlobalDispatcher(dispatcher)`

test("setGlobalDispatcher of undici carries Node's own fetch over HTTP/2", async () => {
  await using origin = await startH2Origin()
  assert.deepEqual(await fetchWith(origin, setGlobal), expected)
  assert.equal(origin.connections, 1)
})

test("interceptors composed around it leave Node's own fetch on HTTP/2", async () => {
  await using origin = await startH2Origin()
  const setUp = `
    const { setGlobalDispatcher, interceptors } = await import('undici')
    setGlobalDispatcher(dispatcher.compose(interceptors.retry()))`
  assert.deepEqual(await fetchWith(origin, setUp), expected)
  assert.equal(origin.connections, 1)
})

test("install() carries Node's own fetch over HTTP/2 without undici", async () => {
  await using origin = await startH2Origin()
  assert.deepEqual(await fetchWith(origin, 'install(dispatcher)'), expected)
  assert.equal(origin.connections, 1)
})

test("Node's own fetch takes the dispatcher as an option", async () => {
  await using origin = await startH2Origin()
  const setUp = `
    const native = globalThis.fetch
    globalThis.fetch = (url, init) => native(url, { ...init, dispatcher })`
  assert.deepEqual(await fetchWith(origin, setUp), expected)
  assert.equal(origin.connections, 1)
})

test("undici's own fetch takes the dispatcher over HTTP/2", async () => {
  await using origin = await startH2Origin()
  const setUp = `
    const undici = await import('undici')
    globalThis.fetch = (url, init) => undici.fetch(url, { ...init, dispatcher })`
  assert.deepEqual(await fetchWith(origin, setUp), expected)
  assert.equal(origin.connections, 1)
})

test("Node's own fetch works over HTTP/1.1 where the server has nothing better", async () => {
  await using origin = await startH1Origin()
  const { failed, ...rest } = (await fetchWith(origin, setGlobal)) as typeof expected
  const { failed: _, ...others } = expected
  assert.deepEqual(rest, others)
  assert.equal(failed[0], 'fetch failed')
})
