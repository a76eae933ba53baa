/**
 * axios comes in two builds, one for `import` and one for `require`, each with classes of its own. Errors and headers
 * must be of the caller's classes: the headers of a request tell which build made it.
 *
 * axios is loaded at the first request, never when the shim is imported.
 */
import { createRequire } from 'node:module'
import type { AxiosStatic, InternalAxiosRequestConfig } from 'axios'

/** What the adapter uses of one build. */
export interface Realm {
  readonly axios: AxiosStatic
  readonly AxiosError: AxiosStatic['AxiosError']
  readonly AxiosHeaders: AxiosStatic['AxiosHeaders']
  readonly CanceledError: AxiosStatic['CanceledError']
  /** Joins URLs and parameters, without the defaults of any instance: those that count are in the config already. */
  readonly joining: Pick<AxiosStatic, 'getUri'>
  /** The version, for User-Agent. */
  readonly version: string
}

let imported: Realm | undefined
let required: Realm | undefined

export function realmFrom(axios: AxiosStatic): Realm {
  const { Axios, AxiosError, AxiosHeaders, CanceledError, VERSION } = axios
  return { axios, AxiosError, AxiosHeaders, CanceledError, joining: new Axios({}), version: VERSION }
}

/** The build that made this config; at once when it is known already. */
export function realmOf(config: InternalAxiosRequestConfig): Realm | Promise<Realm> {
  const made: unknown = config.headers?.constructor
  if (imported !== undefined && made === imported.AxiosHeaders) return imported
  if (required !== undefined && made === required.AxiosHeaders) return required
  return loadRealm(made)
}

async function loadRealm(made: unknown): Promise<Realm> {
  imported ??= await realmByImport()
  if (imported !== undefined && made === imported.AxiosHeaders) return imported
  required ??= realmByRequire(imported)
  // Headers of neither build: a copy of axios that is not ours. Its users see our classes, which look the same.
  return made === required.AxiosHeaders ? required : (imported ?? required)
}

/** @returns nothing where `import()` cannot work: Jest without `--experimental-vm-modules`, where `require` was meant. */
async function realmByImport(): Promise<Realm | undefined> {
  try {
    return realmFrom((await import('axios')).default)
  } catch {
    return undefined
  }
}

/** @param otherwise what will do when it is not there: in a bundle, which has the other build in itself. */
function realmByRequire(otherwise: Realm | undefined): Realm {
  // A bundler that makes CommonJS leaves no URL.
  const { url }: { readonly url?: string } = import.meta
  try {
    return realmFrom(createRequire(url ?? `${process.cwd()}/`)('axios') as AxiosStatic)
  } catch (error) {
    if (otherwise === undefined) throw error
    return otherwise
  }
}
