/** undici is optional: Node's own fetch needs none of it, and any of its versions will do for the rest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors } from 'undici'
import { OwnDispatcher, ownErrors } from '../../../adapters/undici/stand-ins.ts'
import { runModule } from '../../support/child.ts'
import { type Routes, startH1Origin, startH2Origin } from '../../support/origin.ts'

const routes: Routes = { '/never': () => {} }

/** In a process that has what is named in place of undici; nothing: none. */
function withUndici(name: string, script: string, env: Readonly<Record<string, string>>): Promise<unknown> {
  return runModule(
    `
    const { registerHooks } = await import('node:module')
    registerHooks({
      resolve(specifier, context, next) {
        if (!/^undici(\\/|$)/.test(specifier)) return next(specifier, context)
        const name = ${JSON.stringify(name)}
        if (name !== '') return next(specifier.replace('undici', name), context)
        throw Object.assign(new Error('Cannot find module ' + specifier), { code: 'MODULE_NOT_FOUND' })
      },
    })
    const { HyperClient, HyperDispatcher, install, StreamError } = await import(root + 'adapters/undici.ts')
    const slots = [1, 2].map((n) => globalThis[Symbol.for('undici.globalDispatcher.' + n)])
    const origin = process.env.ORIGIN
    const options = { connect: { ca: process.env.CA } }
    ${script}`,
    env,
  )
}

const fetches = `
  const dispatcher = install(new HyperDispatcher({ ...options, headersTimeout: 2000 }))
  const why = (error) => [error.message, error.cause.name, error.cause.code]
  const echo = await fetch(origin + '/echo', { method: 'POST', body: 'text', headers: { 'X-Case': 'Kept' } })
  const found = {
    claimed: slots.some((slot) => slot !== undefined),
    echo: [echo.status, await echo.text(), echo.headers.get('x-x-case')],
    redirected: (await fetch(origin + '/redirect')).url === origin + '/json',
    long: (await (await fetch(origin + '/bytes/3000000')).arrayBuffer()).byteLength,
    streamed: await (await fetch(origin + '/echo', { method: 'POST', body: ReadableStream.from([Buffer.from('piece')]), duplex: 'half' })).text(),
    late: await fetch(origin + '/never').catch(why),
    aborted: await fetch(origin + '/never', { signal: AbortSignal.abort() }).catch((error) => error.name),
    refused: await fetch(process.env.NOBODY).catch(why),
    composed: (await (await fetch(origin + '/json', { dispatcher: dispatcher.compose((next) => (o, h) => next(o, h)) })).json()).hello,
  }
  const broken = await fetch(origin + '/reset/2').catch((error) => error.cause)
  found.broken = [broken.code, broken instanceof StreamError, typeof broken.http2ErrorCode]
  found.lacking = ['request', 'stream', 'pipeline', 'connect', 'upgrade'].map((name) => {
    try {
      dispatcher[name]({ path: '/', method: 'GET', origin })
    } catch (error) {
      return [error.code, error.message]
    }
  })
  await dispatcher.destroy()
  found.destroyed = await fetch(origin + '/json').catch(why)
  console.log(JSON.stringify(found))`

for (const [name, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`without undici, install() carries Node's own fetch over ${name}, and its errors have undici's names`, async () => {
    await using origin = await start(routes)
    const nobody = await start()
    await nobody[Symbol.asyncDispose]()
    const env = { ORIGIN: origin.origin, CA: origin.ca, NOBODY: nobody.origin }
    const found = (await withUndici('', fetches, env)) as Record<string, unknown>
    const { broken, lacking, ...rest } = found
    assert.deepEqual(rest, {
      claimed: false,
      echo: [200, 'text', 'Kept'],
      redirected: true,
      long: 3_000_000,
      streamed: 'piece',
      late: ['fetch failed', 'HeadersTimeoutError', 'UND_ERR_HEADERS_TIMEOUT'],
      aborted: 'AbortError',
      refused: ['fetch failed', 'Error', 'ECONNREFUSED'],
      composed: 'world',
      destroyed: ['fetch failed', 'ClientDestroyedError', 'UND_ERR_DESTROYED'],
    })
    if (name === 'HTTP/2') assert.deepEqual(broken, ['ERR_HTTP2_STREAM_ERROR', true, 'number'])
    for (const [code, message] of lacking as [string, string][]) {
      assert.equal(code, 'UND_ERR_NOT_SUPPORTED')
      assert.match(message, /^dispatcher\.\w+\(\) is undici's own: undici 6, 7 or 8 must be installed/)
    }
  })
}

for (const version of ['undici6', 'undici7', 'undici']) {
  test(`with ${version} installed it is a dispatcher of that undici, with its methods and errors`, async () => {
    await using origin = await startH2Origin(routes)
    const script = `
      const undici = await import('undici')
      const dispatcher = new HyperDispatcher(options)
      const { statusCode, body } = await dispatcher.request({ origin, path: '/echo', method: 'POST', body: 'text' })
      const text = await body.text()
      const composed = dispatcher.compose(undici.interceptors.retry())
      const again = await (await composed.request({ origin, path: '/json', method: 'GET' })).body.json()
      const late = await dispatcher
        .request({ origin, path: '/never', method: 'GET', headersTimeout: 50 })
        .catch((error) => error instanceof undici.errors.HeadersTimeoutError && error.constructor === undici.errors.HeadersTimeoutError)
      const wrong = await dispatcher.request({ origin, path: 'x', method: 'GET' }).catch((error) => error.constructor === undici.errors.InvalidArgumentError)
      const mocks = new undici.MockAgent({ agent: dispatcher })
      mocks.get(origin).intercept({ path: '/mock', method: 'GET' }).reply(200, 'mocked')
      const mocked = await (await undici.request(origin + '/mock', { dispatcher: mocks })).body.text()
      await dispatcher.close()
      console.log(JSON.stringify([dispatcher instanceof undici.Dispatcher, statusCode, text, again.hello, late, wrong, mocked]))`
    const found = await withUndici(version, script, { ORIGIN: origin.origin, CA: origin.ca })
    assert.deepEqual(found, [true, 200, 'text', 'world', true, true, 'mocked'])
  })
}

test("the stand-ins of undici's errors have its names, codes and messages, and are known by each other's classes", () => {
  for (const name of Object.keys(ownErrors) as (keyof typeof ownErrors)[]) {
    const [Ours, Theirs] = [ownErrors[name], errors[name]]
    for (const given of [[], ['said']]) {
      const [ours, theirs] = [Ours, Theirs].map((made): Error => Reflect.construct(made, given))
      const told = (error: Error): unknown[] => [error.name, error.message, Reflect.get(error, 'code')]
      assert.deepEqual(told(ours), told(theirs))
      assert.ok(ours instanceof Ours)
      if (name !== 'HTTPParserError') assert.ok(ours instanceof Theirs && theirs instanceof Ours, name)
    }
    assert.equal(Ours.name, Theirs.name)
    assert.equal(new Error() instanceof Ours, false)
  }
})

test('the stand-in of undici’s Dispatcher refuses interceptors as undici does', () => {
  const dispatcher = new OwnDispatcher()
  for (const wrong of [7, () => undefined, () => () => true]) {
    assert.throws(() => Reflect.apply(dispatcher.compose, dispatcher, [wrong]), TypeError)
  }
  assert.throws(() => dispatcher.dispatch({ path: '/', method: 'GET' }, {}), /not implemented/)
})
