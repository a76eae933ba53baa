/** How each library is called. Loaded when asked for: undici changes what the process's own fetch goes by. */
import type { Library } from './cases.ts'
import type { Runner } from './differential.ts'

export const runners: Readonly<Record<Library, () => Promise<Runner>>> = {
  fetch: async () => (await import('./run-fetch.ts')).fetchRunner(),
  installed: async () => (await import('./run-fetch.ts')).installedRunner(),
  'undici.request': async () => (await import('./run-undici.ts')).requestRunner(),
  'undici.composed': async () => (await import('./run-undici.ts')).composedRunner(),
  'undici.stream': async () => (await import('./run-undici.ts')).streamRunner(),
  'undici.fetch': async () => (await import('./run-undici.ts')).fetchRunner(),
  axios: async () => (await import('./run-axios.ts')).axiosRunner(),
  got: async () => (await import('./run-got.ts')).gotRunner(),
  'got.stream': async () => (await import('./run-got.ts')).gotStreamRunner(),
}
