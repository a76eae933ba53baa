/** Runs a script of our `fetch` in a process of its own while garbage is collected all the time. */
import { runModule } from './child.ts'

/**
 * @param script has `fetch`, a fetch of its own that trusts the origin, and `url`, the origin; 'done' is given at its end.
 */
export function collected(origin: { readonly origin: string; readonly ca: string }, script: string): Promise<unknown> {
  return runModule(
    `
    const v8 = await import('node:v8')
    const vm = await import('node:vm')
    v8.setFlagsFromString('--expose-gc')
    const gc = vm.runInNewContext('gc')
    const { createFetch } = await import(root + 'adapters/fetch.ts')
    const fetch = createFetch({ tls: { ca: process.env.CA } })
    const url = process.env.ORIGIN
    const collecting = setInterval(gc, 10)
    ${script}
    clearInterval(collecting)
    console.log(JSON.stringify('done'))
    process.exit(0)
  `,
    { ORIGIN: origin.origin, CA: origin.ca },
  )
}
