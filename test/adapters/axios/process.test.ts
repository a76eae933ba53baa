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

for (const [length, what] of [
  [10, 'has come whole'],
  [3_000_000, 'is held back'],
] as const) {
  test(`a streamed error response that was not read and that ${what} leaves no listener on the caller's signal`, async () => {
    await using origin = await startH2Origin({
      '/missing'(_call, answer) {
        answer.head(404)
        answer.end(Buffer.alloc(length))
      },
    })
    const found = await runModule(
      `
      const { getEventListeners } = await import('node:events')
      const v8 = await import('node:v8')
      const vm = await import('node:vm')
      const { default: axios } = await import('axios')
      const { Pool } = await import(root + 'src/index.ts')
      const { createHyperAdapter } = await import(root + 'adapters/axios.ts')
      v8.setFlagsFromString('--expose-gc')
      const gc = vm.runInNewContext('gc')
      const pool = new Pool({ tls: { ca: process.env.CA } })
      const client = axios.create({ adapter: createHyperAdapter({ pool }), responseType: 'stream' })
      const { signal } = new AbortController()
      const status = async () => {
        try {
          await client.get(process.env.ORIGIN + '/missing', { signal })
        } catch (error) {
          return error.response.status
        }
      }
      const statuses = [await status(), await status()]
      // A response that is read, with whoever reads it, is nobody's to forget.
      const read = client.get(process.env.ORIGIN + '/bytes/500000', { signal }).then(({ data }) => new Promise((resolve) => {
        let octets = 0
        data.on('readable', function () {
          for (let chunk = this.read(); chunk !== null; chunk = this.read()) octets += chunk.length
        })
        data.on('end', () => resolve(octets))
      }))
      const collecting = setInterval(gc, 10)
      const octets = await read
      while (getEventListeners(signal, 'abort').length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
      // It waits for every exchange to end.
      await pool.close()
      clearInterval(collecting)
      console.log(JSON.stringify([statuses, octets]))
    `,
      { ORIGIN: origin.origin, CA: origin.ca },
    )
    assert.deepEqual(found, [[404, 404], 500_000])
  })
}
