/** undici publishes no types for its inner modules; this is the one that is loaded, and only when it is needed. */
declare module 'undici/lib/dispatcher/client.js' {
  import type { Client } from 'undici'

  const ClientClass: typeof Client
  export default ClientClass
}
