import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import axios, { AxiosError, CanceledError } from 'axios'
import { hyperAdapter } from '../../../adapters/axios.ts'
import { startH2Origin } from '../../support/origin.ts'
import { failure, open, openTwin, protocols } from './support.ts'

for (const [name, start] of protocols) {
  test(`${name}: a connection lost before the headers is ECONNRESET`, async () => {
    await using bench = await open(start)
    const error = await failure(bench.axios.post('/cut?before', 'x'))
    assert.equal(error.code, 'ECONNRESET')
    assert.equal(error.name, 'AxiosError')
    assert.ok(error.cause instanceof Error)
    assert.equal(error.response, undefined)
    assert.equal(error.config?.url, '/cut?before')
    assert.equal(error.request.method, 'POST')
  })

  test(`${name}: a connection lost within the body is ERR_BAD_RESPONSE, never a short success`, async () => {
    await using bench = await open(start)
    for (const path of ['/cut', '/short', '/reset/2?headers']) {
      const error = await failure(bench.axios.get(path))
      assert.ok(error.code === 'ERR_BAD_RESPONSE' || error.code === 'ECONNRESET', `${path}: ${String(error.code)}`)
      assert.equal(error.response?.status, 200)
      const { data } = await bench.axios.get<Readable>(path, { responseType: 'stream' })
      data.resume()
      const [streamError] = (await once(data, 'error', {})) as [Error]
      assert.ok(streamError instanceof AxiosError, path)
    }
  })

  test(`${name}: timeouts: code, message, clarifyTimeoutError, timeoutErrorMessage`, async () => {
    await using bench = await open(start)
    const plain = await failure(bench.axios.get('/slow', { timeout: 20 }))
    assert.equal(plain.code, 'ECONNABORTED')
    assert.equal(plain.message, 'timeout of 20ms exceeded')
    const clear = await failure(
      bench.axios.get('/slow', {
        timeout: 20,
        timeoutErrorMessage: 'too slow',
        transitional: { clarifyTimeoutError: true },
      }),
    )
    assert.equal(clear.code, 'ETIMEDOUT')
    assert.equal(clear.message, 'too slow')
    const body = await failure(bench.axios.get('/slow-body', { timeout: 20 }))
    assert.equal(body.code, 'ECONNABORTED')
    const wrong = await failure(bench.axios.get('/json', { timeout: 'soon' as never }))
    assert.equal(wrong.code, 'ERR_BAD_OPTION_VALUE')
    assert.equal((await bench.axios.get('/json', { timeout: 10_000 })).status, 200)
  })

  test(`${name}: cancellation by signal: before, while waiting, within the body, on a stream`, async () => {
    await using bench = await open(start)
    const aborted = bench.axios.get('/json', { signal: AbortSignal.abort() })
    await assert.rejects(
      aborted,
      (error: AxiosError) => error instanceof CanceledError && error.code === 'ERR_CANCELED',
    )
    for (const path of ['/slow', '/slow-body']) {
      const controller = new AbortController()
      const pending = bench.axios.get(path, { signal: controller.signal })
      setTimeout(() => controller.abort(), 20)
      await assert.rejects(pending, (error: unknown) => axios.isCancel(error), path)
    }
    const controller = new AbortController()
    const { data } = await bench.axios.get<Readable>('/slow-body', {
      responseType: 'stream',
      signal: controller.signal,
    })
    const failed = once(data, 'error', {}) as Promise<[Error]>
    await new Promise(setImmediate)
    controller.abort()
    assert.ok((await failed)[0] instanceof CanceledError)
    assert.equal((await bench.axios.get('/json')).status, 200)
  })

  test(`${name}: cancellation by token`, async () => {
    await using bench = await open(start)
    const source = axios.CancelToken.source()
    const pending = bench.axios.get('/slow', { cancelToken: source.token })
    setTimeout(() => source.cancel('enough'), 10)
    await assert.rejects(pending, (error: Error) => axios.isCancel(error) && error.message === 'enough')
  })

  test(`${name}: signals and tokens are let go of, a stream's when it has ended`, async () => {
    await using bench = await open(start)
    const { signal } = new AbortController()
    let listening = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>): void => {
      listening++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
      listening--
      remove(...args)
    }
    await bench.axios.get('/json', { signal })
    await bench.axios.get('/status/404', { signal }).catch(() => {})
    assert.equal(listening, 0)
    const { data } = await bench.axios.get<Readable>('/json', { signal, responseType: 'stream' })
    assert.equal(listening, 1)
    data.resume()
    await once(data, 'close')
    assert.equal(listening, 0)
  })

  test(`${name}: a response stream that fails before anybody listens keeps its error`, async () => {
    await using bench = await open(start)
    const { data } = await bench.axios.get<Readable>('/cut', { responseType: 'stream' })
    // Long after it failed.
    await new Promise((resolve) => setTimeout(resolve, 30))
    data.resume()
    const [error] = (await once(data, 'error', {})) as [AxiosError]
    assert.equal(error.code, 'ERR_BAD_RESPONSE')
  })
}

test('a port without a server is ECONNREFUSED, and an untrusted certificate has its own code', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const instance = axios.create({ adapter: hyperAdapter, proxy: false })
  assert.equal((await failure(instance.get(`http://127.0.0.1:${port}/`))).code, 'ECONNREFUSED')
  await using origin = await startH2Origin()
  assert.match(String((await failure(instance.get(origin.origin))).code), /CERT|SIGNATURE|VERIFY/)
})

test('a reset stream before the headers settles, with the code of HTTP/2', async () => {
  await using bench = await open(startH2Origin)
  const error = await failure(bench.axios.get('/reset/2'))
  assert.equal(error.code, 'ERR_HTTP2_STREAM_ERROR')
})

test('a burst on a cold connection beyond the limit of streams is all answered', async () => {
  await using bench = await open(() => startH2Origin({}, { server: { settings: { maxConcurrentStreams: 10 } } }))
  const all = await Promise.all(Array.from({ length: 50 }, () => bench.axios.get('/json')))
  assert.ok(all.every(({ status }) => status === 200))
})

test('both adapters fail alike', async () => {
  await using twin = await openTwin()
  for (const config of [
    { url: '/status/404' },
    { url: '/status/500' },
    { url: '/slow', timeout: 20 },
    { url: '/redirect?to=/redirect', maxRedirects: 0 },
    { url: `/redirect?to=${encodeURIComponent('/redirect?to=/redirect')}`, maxRedirects: 1 },
    { url: '/bytes/100', maxContentLength: 10 },
    { url: '/cut' },
    { url: '/cut?before', method: 'post', data: 'x' },
    { url: '/echo', method: 'post', data: 'xxxxx', maxBodyLength: 2 },
  ]) {
    const [plain, ours] = await Promise.all(
      [twin.plain, twin.axios].map(async (client) => {
        const { code, name, status, response } = await failure(client.request(config))
        return { code, name, status, data: response?.data }
      }),
    )
    // axios gives what it wraps the name Error, and so hides that it is an AxiosError.
    if (plain?.name.startsWith('Error')) plain.name = 'AxiosError'
    assert.deepEqual(ours, plain, JSON.stringify(config))
  }
})

for (const responseType of ['json', 'stream'] as const) {
  test(`what validateStatus throws rejects the call: responseType ${responseType}`, async () => {
    await using bench = await open(startH2Origin)
    const thrown = new Error('mine')
    const validateStatus = (): boolean => {
      throw thrown
    }
    await assert.rejects(bench.axios.get('/json', { responseType, validateStatus }), thrown)
    assert.equal((await bench.axios.get('/json')).status, 200)
  })
}
