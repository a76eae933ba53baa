import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runModule } from '../../support/child.ts'
import { startH2Origin } from '../../support/origin.ts'

test('importing the adapter changes nothing in the process', async () => {
  const found = await runModule(`
    const before = Reflect.ownKeys(globalThis).length
    await import(root + 'adapters/axios.ts')
    const symbols = Object.getOwnPropertySymbols(globalThis).filter((one) => String(one).includes('undici'))
    console.log(JSON.stringify([symbols.length, Reflect.ownKeys(globalThis).length - before]))
  `)
  assert.deepEqual(found, [0, 0])
})

test('an idle connection does not keep the process alive', async () => {
  await using origin = await startH2Origin()
  const found = await runModule(
    `
    const { default: axios } = await import('axios')
    const { createHyperAdapter } = await import(root + 'adapters/axios.ts')
    const adapter = createHyperAdapter({ tls: { ca: process.env.CA } })
    const { data } = await axios.get(process.env.ORIGIN + '/json', { adapter, proxy: false })
    console.log(JSON.stringify(data.hello))
  `,
    { ORIGIN: origin.origin, CA: origin.ca },
  )
  assert.equal(found, 'world')
})
