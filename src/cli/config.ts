/** Where the command keeps what is its own, and what its configuration says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemCodeOf, toError } from '../errors.ts'
import { UsageError } from './failures.ts'
import { checkJson } from './items.ts'

/** The environment of the process, or what stands in its place. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The user's own folder; undefined where there is none. */
export function homeFolder(env: Environment): string | undefined {
  const home = env['HOME'] || env['USERPROFILE']
  return home === '' ? undefined : home
}

/** The folder of the configuration and of sessions; undefined where there is none. It need not be there. */
export function configFolder(env: Environment): string | undefined {
  if (env['HYPER_CONFIG_DIR']) return env['HYPER_CONFIG_DIR']
  if (env['XDG_CONFIG_HOME']) return join(env['XDG_CONFIG_HOME'], 'hyper')
  const home = homeFolder(env)
  return home === undefined ? undefined : join(home, '.config', 'hyper')
}

/**
 * `default_options` of `config.json`.
 * @throws {UsageError} when the file is there and says something else.
 */
export function configuredOptions(env: Environment): readonly string[] {
  const folder = configFolder(env)
  if (folder === undefined) return []
  const path = join(folder, 'config.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new UsageError(`${JSON.stringify(path)} cannot be read: ${toError(error).message}`, { cause: error })
  }
  checkJson(text, JSON.stringify(path))
  const config: unknown = JSON.parse(text)
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new UsageError(`${JSON.stringify(path)} must be a JSON object`)
  }
  const unknown = Object.keys(config).find((name) => name !== 'default_options')
  if (unknown !== undefined) {
    throw new UsageError(`${JSON.stringify(path)}: ${JSON.stringify(unknown)} is unknown; there is default_options`)
  }
  const options: unknown = Reflect.get(config, 'default_options') ?? []
  if (!Array.isArray(options) || !options.every((one) => typeof one === 'string')) {
    throw new UsageError(`${JSON.stringify(path)}: default_options must be a list of strings`)
  }
  return options
}
