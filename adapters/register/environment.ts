/**
 * What the environment says of {@link register}:
 *
 *     HYPER_FETCH=native        Node's fetch stays, and goes over the pool
 *     HYPER_EXCEPT=hosts        left alone, in the form of NO_PROXY
 *     HYPER_CONNECTIONS=4       to one origin
 *     HYPER_COALESCE=1          one connection for the origins that its certificate covers
 *     HYPER_H2C=prior-knowledge without TLS, or `upgrade`
 *     HYPER_PROXY=env           the proxies that HTTP_PROXY and its kin name, or the URL of one
 *     HYPER_STATS=1             a line of statistics at the end
 *     HYPER_DEBUG=1             each frame
 */
import { InvalidArgumentError } from '../../src/errors.ts'
import { nearestName } from '../../src/option-names.ts'
import type { RegisterOptions } from './options.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** How each is read. */
const READERS = {
  HYPER_FETCH: (value) => ({ fetch: oneOf('HYPER_FETCH', value, ['hyper', 'native'] as const) }),
  HYPER_EXCEPT: (value) => ({ except: value }),
  HYPER_CONNECTIONS: (value) => ({ connections: whole('HYPER_CONNECTIONS', value) }),
  HYPER_COALESCE: (value) => ({ coalesce: flag('HYPER_COALESCE', value) }),
  HYPER_H2C: (value) => ({ h2c: oneOf('HYPER_H2C', value, ['prior-knowledge', 'upgrade'] as const) }),
  HYPER_PROXY: (value) => ({ proxy: value }),
  HYPER_STATS: (value) => ({ stats: flag('HYPER_STATS', value) }),
  HYPER_DEBUG: (value) => ({ debug: flag('HYPER_DEBUG', value) }),
} as const satisfies Readonly<Record<string, (value: string) => RegisterOptions>>

/**
 * The options that the environment gives. An empty value is none. A variable that looks like a misspelling is warned of: others
 * may have names of their own that begin so.
 * @throws {InvalidArgumentError} naming a variable whose value cannot be read.
 */
export function fromEnvironment(env: Environment = process.env): RegisterOptions {
  const names = Object.keys(READERS)
  for (const name of Object.keys(env)) {
    if (!name.startsWith('HYPER_') || names.includes(name)) continue
    const meant = nearestName(name, names)
    if (meant === undefined) continue
    process.emitWarning(`hyper-transport/register knows no ${name}: did you mean ${meant}?`, {
      code: 'HYPER_ENVIRONMENT',
    })
  }
  const options = {}
  for (const [name, read] of Object.entries(READERS)) {
    const value = env[name]?.trim()
    if (value !== undefined && value !== '') Object.assign(options, read(value))
  }
  return options
}

function flag(name: string, value: string): boolean {
  if (/^(?:1|true|yes|on)$/i.test(value)) return true
  if (/^(?:0|false|no|off)$/i.test(value)) return false
  throw wrong(name, value, '1 or 0')
}

function whole(name: string, value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw wrong(name, value, 'a whole number of 1 or more')
  return Number(value)
}

function oneOf<const Allowed extends string>(name: string, value: string, allowed: readonly Allowed[]): Allowed {
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw wrong(name, value, allowed.join(' or '))
  return found
}

function wrong(name: string, value: string, right: string): InvalidArgumentError {
  return new InvalidArgumentError(`${name} must be ${right}, not ${JSON.stringify(value)}`)
}
