/** The same over each got that calls the `request` hook. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import got from 'got'
import got14 from 'got14'
import got15 from 'got15'
import { hyperGot } from '../../../adapters/got.ts'
import { Pool } from '../../../src/index.ts'
import { type Routes, startH1Origin, startH2Origin } from '../../support/origin.ts'
import { jsonBody } from '../../support/routes.ts'

/** The newest's types stand for all: what is used here they have in common. */
const versions: readonly [string, typeof got][] = [
  ['got 14', got14 as unknown as typeof got],
  ['got 15', got15 as unknown as typeof got],
  ['got 16', got],
]

function routesOf(seen: { flaky: number; cached: number }): Routes {
  return {
    '/flaky'(_call, answer) {
      answer.head(seen.flaky++ === 0 ? 503 : 200)
      answer.end('answered')
    },
    '/cached'(_call, answer) {
      seen.cached++
      answer.head(200, { 'cache-control': 'max-age=60' })
      answer.end('cached')
    },
    '/page'(call, answer) {
      const page = Number(call.query.get('page') ?? 1)
      answer.head(200, {
        'content-type': 'application/json',
        ...(page < 3 && { link: `</page?page=${page + 1}>; rel="next"` }),
      })
      answer.end(JSON.stringify([page]))
    },
  }
}

for (const [library, plain] of versions) {
  for (const [name, start, version] of [
    ['HTTP/2', startH2Origin, '2.0'],
    ['HTTP/1.1', startH1Origin, '1.1'],
  ] as const) {
    test(`${library}, ${name}: hook, retries, redirects, cache, pages, streams, trailers, times, timeouts, aborts`, async () => {
      const seen = { flaky: 0, cached: 0 }
      await using origin = await start(routesOf(seen))
      const pool = new Pool({ tls: { ca: origin.ca } })
      const client = plain.extend(hyperGot({ pool }), { prefixUrl: origin.origin })

      const answer = await client('json', { responseType: 'json' })
      assert.deepEqual(answer.body, jsonBody)
      assert.equal(answer.httpVersion, version)
      assert.equal(answer.ip, '127.0.0.1')
      const phases: Record<string, number | undefined> = { ...answer.timings?.phases }
      for (const phase of ['wait', 'dns', 'tcp', 'tls', 'request', 'firstByte', 'download', 'total'] as const) {
        assert.equal(typeof phases[phase], 'number', phase)
      }
      assert.deepEqual(await client.post('echo', { json: { a: 1 } }).json(), { a: 1 })
      const retry = {
        limit: 1,
        calculateDelay: ({ computedValue }: { computedValue: number }) => (computedValue ? 1 : 0),
      }
      assert.equal((await client('flaky', { retry })).retryCount, 1)
      const redirected = await client('redirect', { searchParams: { to: '/json' } })
      assert.deepEqual(redirected.redirectUrls.map(String), [`${origin.origin}/json`])

      const cache = new Map()
      assert.equal((await client('cached', { cache })).isFromCache, false)
      assert.equal((await client('cached', { cache })).isFromCache, true)
      assert.equal(seen.cached, 1)
      assert.deepEqual(await client.paginate.all('page', { responseType: 'json' }), [1, 2, 3])

      const stream = client.stream.post('echo', { body: 'by stream' })
      const chunks: unknown[] = []
      for await (const chunk of stream) chunks.push(chunk)
      assert.equal(Buffer.concat(chunks as Buffer[]).toString(), 'by stream')
      assert.ok(Object.keys((await client('trailers')).trailers).length > 0)

      const late = client('slow', { timeout: { response: 20 }, retry: { limit: 0 } })
      await assert.rejects(late, { name: 'TimeoutError', event: 'response', code: 'ETIMEDOUT' })
      const missing = client('status/404', { retry: { limit: 0 } })
      await assert.rejects(missing, { name: 'HTTPError' })
      const controller = new AbortController()
      const aborted = client('slow', { signal: controller.signal })
      setTimeout(() => controller.abort(), 10)
      await assert.rejects(aborted, { name: 'AbortError' })
      await pool.destroy()
    })
  }
}
