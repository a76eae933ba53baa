/** What an idle connection holds: nothing of the dial that made it, nor of its last request. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collecting } from '../support/collected.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

const origins = [
  ['HTTP/2', () => startH2Origin()],
  ['HTTP/1.1', () => startH1Origin()],
  ['HTTP/1.1 in clear text', () => startH1Origin({}, { plain: true })],
] as const

for (const [name, start] of origins) {
  test(`${name}: an idle connection lets go of the handlers of its requests`, async () => {
    await using origin = await start()
    const script = `
      const { Pool } = await import(root + 'src/index.ts')
      const pool = new Pool({ tls: { ca } })
      const watched = []
      const get = () =>
        new Promise((resolve, reject) => {
          const handler = { onConnecting() {}, onHeaders() {}, onData() {}, onEnd: () => resolve(), onError: reject }
          watched.push(new WeakRef(handler))
          pool.dispatch({ origin: url, method: 'GET', path: '/json' }, handler)
        })
      await get()
      await get()
      while (watched.some((one) => one.deref() !== undefined)) await new Promise((resolve) => setTimeout(resolve, 5))
      const { connections } = pool.stats()
      if (connections !== 1) throw new Error(connections + ' connections, not 1')
    `
    assert.equal(await collecting(origin, script), 'done')
  })

  test(`${name}: what observed a dial is let go while the socket that it gave lives`, async () => {
    await using origin = await start()
    const script = `
      const { Connector } = await import(root + 'src/net/connector.ts')
      const { parseOrigin } = await import(root + 'src/net/origin.ts')
      const connector = new Connector()
      const dial = () =>
        new Promise((resolve, reject) => {
          const observer = { onStep() {} }
          const done = (error, dialled) => (error ? reject(error) : resolve([new WeakRef(observer), dialled.socket]))
          connector.dial(parseOrigin(url), { tls: { ca } }, done, observer)
        })
      const [observer, socket] = await dial()
      while (observer.deref() !== undefined) await new Promise((resolve) => setTimeout(resolve, 5))
      if (socket.destroyed) throw new Error('the socket is gone')
    `
    assert.equal(await collecting(origin, script), 'done')
  })

  test(`${name}: an origin whose connections are closed is let go of, by a pool that has others and by one that has none`, async () => {
    await using origin = await start()
    const script = `
      const { Pool } = await import(root + 'src/index.ts')
      const pool = new Pool({ tls: { ca }, idleTimeout: 1 })
      const get = (origin, onHeaders) =>
        new Promise((resolve, reject) => {
          const handler = { onHeaders: () => onHeaders?.(exchange), onData() {}, onEnd: () => resolve(), onError: reject }
          const exchange = pool.dispatch({ origin, method: 'GET', path: '/json' }, handler)
          watched.push(new WeakRef([...pool.origins.values()].at(-1)))
        })
      const gone = async (one) => { while (one.deref() !== undefined) await new Promise((resolve) => setTimeout(resolve, 5)) }
      const watched = []
      const other = url.replace('localhost', '127.0.0.1')
      let held
      const waiting = get(other, (exchange) => { exchange.pause(); held = exchange })
      while (held === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
      await get(url)
      if (watched[0].deref() === watched[1].deref()) throw new Error('one origin, not two')
      await gone(watched[1])
      if (pool.stats().origins.length !== 1) throw new Error('the pool has no other')
      held.resume()
      held = undefined
      await waiting
      await gone(watched[0])
    `
    assert.equal(await collecting(origin, script), 'done')
  })
}
