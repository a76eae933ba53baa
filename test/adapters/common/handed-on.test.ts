/** What a shim hands on to another transport does not go past the pool's proxy, nor past the proxy that the request is for. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { test } from 'node:test'
import { connect } from 'node:tls'
import axios from 'axios'
import got from 'got'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { runModule } from '../../support/child.ts'
import { startH1Origin } from '../../support/origin.ts'
import { startProxy } from '../../support/proxy.ts'

class Another extends https.Agent {}

test('a pool with a proxy refuses by name what an agent or a transport of another kind would carry past it', async () => {
  await using origin = await startH1Origin()
  await using proxy = await startProxy()
  const options = { tls: { ca: origin.ca }, proxy: proxy.url }
  const url = `${origin.origin}/json`
  const adapter = createHyperAdapter(options)
  const through = got.extend(hyperGot(options))
  const agents = createHyperAgent(options)
  const ofNode = new Another({ ca: origin.ca })
  const byNode = async (more: https.RequestOptions): Promise<void> => {
    const request = https.get(url, { agent: agents.https, ...more })
    await once(request, 'response')
  }
  for (const attempt of [
    () => axios.get(url, { adapter, httpsAgent: ofNode }),
    () => axios.get(url, { adapter, maxRate: 1e9 }),
    () => axios.get(url, { adapter, transport: https }),
    () => got(url, { request: through.defaults.options.request, agent: { https: ofNode }, retry: { limit: 0 } }),
    () => byNode({ headers: { connection: 'upgrade', upgrade: 'x' } }),
    () => byNode({ localPort: 0 }),
  ]) {
    await assert.rejects(attempt, /would bypass the pool's proxy/)
  }
  assert.equal(origin.connections, 0)
  // What the pool carries goes by it, and so does what names a proxy itself.
  assert.equal((await axios.get(url, { adapter })).status, 200)
  assert.equal(proxy.asked.length, 1)
  await adapter.close()
  agents.https.destroy()
})

test('a request of got with an agent of its own trusts what the pool trusts, and its keys are those that the pool pins', async () => {
  await using origin = await startH1Origin()
  const url = `${origin.origin}/json`
  const retry = { limit: 0 }
  const agent = { https: new https.Agent() }
  const { ca } = origin
  const trusting = hyperGot({ tls: { ca } })
  assert.equal((await got(url, { ...trusting, agent, retry })).statusCode, 200)
  const pinned = hyperGot({ tls: { ca, pinnedPublicKeys: [`sha256/${'A'.repeat(43)}=`] } })
  await assert.rejects(got(url, { ...pinned, agent, retry }), /pin/)
  assert.equal(origin.requests.length, 1)
  for (const own of [
    { agent: { https: new Another({ ca }) } },
    { createConnection: () => connect(Number(new URL(url).port), { ca }) },
  ]) {
    await assert.rejects(got(url, { ...pinned, ...own, retry }), /of your own does not check them/)
  }
  assert.equal(origin.requests.length, 1)
  await Promise.all([trusting.close(), pinned.close()])
  agent.https.destroy()
})

test('an axios call that is redirected to where it must be handed on past the proxy rejects, and nothing is thrown', async () => {
  await using origin = await startH1Origin({}, { plain: true })
  await using proxy = await startProxy()
  const adapter = createHyperAdapter({ proxy: { url: proxy.url, tunnel: true } })
  const error = await axios
    .get(`${origin.origin}/redirect?to=${encodeURIComponent('https://localhost:1/')}`, {
      adapter,
      httpsAgent: new Another(),
    })
    .then(String, (thrown: unknown) => thrown)
  assert.ok(axios.isAxiosError(error))
  assert.match(error.message, /would bypass the pool's proxy/)
  await adapter.close()
})

for (const way of ['agent', 'register'] as const) {
  test(`a request in absolute form for another origin goes to the host of its options in that form: ${way}`, async () => {
    const seen: string[] = []
    const proxy = http.createServer((request, response) => {
      seen.push(`${request.httpVersion} ${request.url} ${request.headers.host}`)
      response.end('by the proxy')
    })
    await once(proxy.listen(0, '127.0.0.1'), 'listening')
    const address = proxy.address()
    assert.ok(typeof address === 'object' && address !== null)
    const script = `
      const http = await import('node:http')
      ${way === 'register' ? "await import(root + 'adapters/register.ts')" : ''}
      const { createHyperAgent } = await import(root + 'adapters/agent.ts')
      const agents = createHyperAgent({ idleTimeout: 1000 })
      const request = http.get({
        host: '127.0.0.1',
        port: Number(process.env.PORT),
        path: 'http://elsewhere.invalid/x?y',
        headers: { host: 'elsewhere.invalid' },
        ${way === 'agent' ? 'agent: agents.http,' : ''}
      })
      const [response] = await (await import('node:events')).once(request, 'response')
      console.log(JSON.stringify((await response.toArray()).join('')))
      agents.http.destroy()
      process.exit(0)
    `
    assert.equal(await runModule(script, { PORT: String(address.port) }), 'by the proxy')
    assert.deepEqual(seen, ['1.1 http://elsewhere.invalid/x?y elsewhere.invalid'])
    proxy.closeAllConnections()
    proxy.close()
  })
}
