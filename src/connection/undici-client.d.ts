/** undici publishes no types for its inner modules; these are the ones that are loaded, and only when they are needed. */
declare module 'undici/lib/dispatcher/client.js' {
  import type { Client } from 'undici'

  const ClientClass: typeof Client
  export default ClientClass
}
declare module 'undici/lib/core/diagnostics.js' {
  import type { Channel } from 'node:diagnostics_channel'

  const diagnostics: { readonly channels: Record<string, Channel | undefined> }
  export default diagnostics
}
declare module 'undici/lib/core/symbols.js' {
  const symbols: Readonly<Record<'kConnector' | 'kReset' | 'kClients' | 'kUrl' | 'kDispatch', symbol>>
  export default symbols
}
