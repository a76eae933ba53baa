/** Runs a script in a process of its own while garbage is collected all the time. */
import { runModule } from './child.ts'

/** An origin, and what it is trusted by. */
interface Trusted {
  readonly origin: string
  readonly ca: string
}

/**
 * @param script has `url`, the origin, and `ca`, for what it makes of the package itself; 'done' is given at its end.
 */
export function collecting(origin: Trusted, script: string): Promise<unknown> {
  return runModule(
    `
    const v8 = await import('node:v8')
    const vm = await import('node:vm')
    v8.setFlagsFromString('--expose-gc')
    const gc = vm.runInNewContext('gc')
    const { CA: ca, ORIGIN: url } = process.env
    const timer = setInterval(gc, 10)
    ${script}
    clearInterval(timer)
    console.log(JSON.stringify('done'))
    process.exit(0)
  `,
    { ORIGIN: origin.origin, CA: origin.ca },
  )
}

/**
 * The same for our `fetch`.
 * @param script has `fetch` too, one of its own that trusts the origin.
 */
export function collected(origin: Trusted, script: string): Promise<unknown> {
  return collecting(
    origin,
    `
    const { createFetch } = await import(root + 'adapters/fetch.ts')
    const fetch = createFetch({ tls: { ca } })
    ${script}
  `,
  )
}
