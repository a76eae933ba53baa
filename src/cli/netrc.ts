/**
 * `~/.netrc`, as ftp(1) has it: machine, login, password, account, default, macdef; comments; quotation marks. The libraries for
 * it are not kept any more, and it is short.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { toError } from '../errors.ts'
import { type Environment, homeFolder } from './config.ts'

export interface NetrcEntry {
  /** Undefined: any. */
  readonly machine: string | undefined
  readonly login: string
  readonly password: string
}

/** The entries of a file, in their order. @throws {Error} naming the word that is out of place. */
export function parseNetrc(text: string): NetrcEntry[] {
  const entries: { machine: string | undefined; login: string; password: string }[] = []
  const words = wordsOf(text)
  for (let word = words.next(); word.done !== true; word = words.next()) {
    const name = word.value
    const entry = entries.at(-1)
    if (name === 'default') {
      entries.push({ machine: undefined, login: '', password: '' })
      continue
    }
    const value = words.next()
    if (value.done === true) throw new Error(`${JSON.stringify(name)} is followed by no value`)
    if (name === 'machine') entries.push({ machine: value.value.toLowerCase(), login: '', password: '' })
    else if (name === 'login' || name === 'password') {
      if (entry === undefined) throw new Error(`${name} comes before any machine`)
      entry[name] = value.value
    } else if (name !== 'account') {
      throw new Error(`${JSON.stringify(name)} is not a known keyword`)
    }
  }
  return entries
}

/**
 * The credentials for a host, `user:password`, from the file that NETRC names or that lies in the user's folder.
 * @param named only an entry that names the host counts, not the default.
 * @param warn told when others can read the file, or nobody can understand it.
 */
export function netrcCredentials(
  host: string,
  env: Environment,
  warn: (message: string) => void,
  named = false,
): string | undefined {
  const home = homeFolder(env)
  const path = env['NETRC'] || (home === undefined ? undefined : join(home, '.netrc'))
  if (path === undefined) return undefined
  let text: string
  let mode: number
  try {
    mode = statSync(path).mode
    text = readFileSync(path, 'utf8')
  } catch {
    // There is none.
    return undefined
  }
  let entries: NetrcEntry[]
  try {
    entries = parseNetrc(text)
  } catch (error) {
    warn(`${JSON.stringify(path)} cannot be understood, and is not used: ${toError(error).message}`)
    return undefined
  }
  const name = host.toLowerCase()
  const byDefault = named ? undefined : entries.find(({ machine }) => machine === undefined)
  const entry = entries.find(({ machine }) => machine === name) ?? byDefault
  if (entry === undefined) return undefined
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    warn(`${JSON.stringify(path)} holds passwords, and others can read it: chmod 600 ${path}`)
  }
  return `${entry.login}:${entry.password}`
}

function* wordsOf(text: string): Generator<string, void, undefined> {
  // A macro goes up to an empty line.
  const plain = text.replace(/^[ \t]*macdef[^\n]*\n(?:[^\n]+(?:\n|$))*/gm, '\n')
  for (const line of plain.split('\n')) {
    for (const [word, quoted] of line.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)) {
      if (word.startsWith('#')) break
      yield quoted === undefined ? word : quoted.replace(/\\(.)/g, '$1')
    }
  }
}
