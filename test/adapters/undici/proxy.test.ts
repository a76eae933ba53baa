/** Proxies by undici's names. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { startH1Origin } from '../../support/origin.ts'

test('a proxy is given by `proxy`', async () => {
  await using proxy = await startH1Origin(
    {
      '*': (call, answer) => {
        answer.head(200)
        answer.end(`proxied ${call.path}`)
      },
    },
    { plain: true },
  )
  await using dispatcher = new HyperDispatcher({ proxy: `http://127.0.0.1:${proxy.port}` })
  const { body } = await request('http://nowhere.example/page', { dispatcher })
  assert.match(await body.text(), /^proxied .*\/page$/)
})
