import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runModule } from '../../support/child.ts'
import { collected } from '../../support/collected.ts'
import { startH2Origin } from '../../support/origin.ts'

test('an idle connection does not keep the process alive', async () => {
  await using origin = await startH2Origin()
  const found = await runModule(
    `
    const { createFetch } = await import(root + 'adapters/fetch.ts')
    const fetch = createFetch({ tls: { ca: process.env.CA } })
    const response = await fetch(process.env.ORIGIN + '/json')
    console.log(JSON.stringify((await response.json()).hello))
  `,
    { ORIGIN: origin.origin, CA: origin.ca },
  )
  assert.equal(found, 'world')
})

test('fetch put in the place of the global one still leaves data: to Node', async () => {
  const found = await runModule(`
    const { fetch } = await import(root + 'adapters/fetch.ts')
    globalThis.fetch = fetch
    console.log(JSON.stringify(await (await globalThis.fetch('data:,hello')).text()))
  `)
  assert.equal(found, 'hello')
})

test('a response that was garbage-collected ends its exchange', async () => {
  let ended: () => void = () => {}
  const closed = new Promise<void>((resolve) => {
    ended = resolve
  })
  await using origin = await startH2Origin((stream) => {
    stream.respond({ ':status': 200 })
    stream.on('close', () => ended())
    // All of it is written before the reset comes: node:http2 may miss the end of a socket while it waits for one to take more.
    stream.write(Buffer.alloc(256 * 1024))
  })
  // It waits for every exchange to end.
  const script = `
    await (async () => (await fetch(url + '/')).status)()
    await fetch.close()`
  assert.equal(await collected(origin, script), 'done')
  await closed
})
