/**
 * The npm package `socks`, which is optional. It is looked for when the first such proxy is used, beside this package, by a
 * call that bundlers do not take for an import: where it is not installed they would fail, and with `import()` Jest would,
 * too. Whoever bundles a program that goes by SOCKS keeps `socks` installed beside the bundle.
 *
 * The build of the command puts `import('socks')` in the place of this file.
 */
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'

/** What is used of the package: its own types need not be there either. */
export interface SocksModule {
  readonly SocksClient: {
    createConnection(options: {
      readonly command: 'connect'
      readonly proxy: {
        readonly host: string
        readonly port: number
        readonly type: 4 | 5
        readonly userId?: string
        readonly password?: string
      }
      readonly destination: { readonly host: string; readonly port: number }
      readonly existing_socket: Socket
      readonly timeout: number
    }): Promise<{ readonly socket: unknown }>
  }
}

/** Loads the package. */
export type LoadSocks = () => Promise<SocksModule>

export const loadSocks: LoadSocks = async () => {
  // A bundler that makes CommonJS leaves no URL.
  const { url }: { readonly url?: string } = import.meta
  return createRequire(url ?? `${process.cwd()}/`)('socks')
}
