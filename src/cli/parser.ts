/** Reads options and words by the table of options: commander does it, this tells it what there is. */
import { Command, CommanderError, Option } from 'commander'
import { UsageError } from './failures.ts'
import type { Row } from './option-row.ts'
import { OPTION_NAMES, OPTIONS, type OptionName, type Options } from './options.ts'

/** What was given, and what is no option. */
export interface Given {
  readonly options: Options
  /** Taken back by --no-X, here or in the configuration. */
  readonly unset: ReadonlySet<OptionName>
  readonly words: readonly string[]
}

/** What curl has for it, and what is typed here. */
const METHOD = 'the method stands before the URL: hyper PUT URL'
const REDIRECTS = 'redirects are followed by -F'
const UNVERIFIED = 'nothing is verified with --verify=no'
const BOTH = 'head and body are shown by -p hb'
const CREDENTIALS = 'credentials are given by -a'
const DOWNLOAD = 'a download is -d'
const UPLOAD = 'a file is sent by hyper PUT URL @FILE'
const QUERY = 'name==value goes to the query'
const TEXT = 'the body is given by --raw TEXT, or by items: name=value'
const HABITS: Readonly<Record<string, string>> = {
  X: METHOD,
  request: METHOD,
  L: REDIRECTS,
  location: REDIRECTS,
  k: UNVERIFIED,
  insecure: UNVERIFIED,
  i: BOTH,
  include: BOTH,
  u: CREDENTIALS,
  user: CREDENTIALS,
  O: DOWNLOAD,
  'remote-name': DOWNLOAD,
  T: UPLOAD,
  'upload-file': UPLOAD,
  G: QUERY,
  get: QUERY,
  data: TEXT,
  'data-raw': TEXT,
  'data-binary': TEXT,
  cacert: 'certificates to trust are given by --verify FILE',
  cookie: 'a cookie is the item Cookie:name=value',
  silent: 'nothing is shown with -q',
  header: 'a header field is an item behind the URL: Name:value',
  'user-agent': 'it is the item User-Agent:TEXT behind the URL',
  compressed: 'content codings are asked for and decoded in any case',
  http2: 'HTTP/2 alone is --h2',
  fail: 'an exit code for the status is --check-status',
  'max-time': 'a limit of time is --timeout SECONDS',
  'connect-timeout': 'a limit of time is --timeout SECONDS',
}

/** Each name that an option may have, one letter or more, and the option. What takes it back begins with `no-`. */
const NAMES: ReadonlyMap<string, OptionName> = new Map(
  OPTION_NAMES.flatMap((name) => {
    const { short, alias } = OPTIONS[name]
    return [name, `no-${name}`, short, alias].flatMap((one) => (one === undefined ? [] : [[one, name] as const]))
  }),
)

/**
 * The words with their long options in full: the beginning of a name stands for it where it can be no other, as Python's
 * argparse has it for HTTPie.
 * @throws {UsageError} naming what a beginning could be, or what is typed here for an option of curl's.
 */
export function inFull(argv: readonly string[]): string[] {
  const words: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]
    if (word === '--') return [...words, ...argv.slice(i)]
    const { whole, takesNext } = word.startsWith('--')
      ? longInFull(word)
      : { whole: word, takesNext: endsInValue(word) }
    words.push(whole)
    // Its value is no option, whatever it begins with.
    if (takesNext && i + 1 < argv.length) words.push(argv[++i])
  }
  return words
}

interface Long {
  readonly whole: string
  /** The next word is its value. */
  readonly takesNext: boolean
}

function longInFull(word: string): Long {
  const [given, value] = /^--([^=]*)(=.*)?$/s.exec(word)?.slice(1) ?? []
  const name = given === undefined || (given.length > 1 && NAMES.has(given)) ? given : fullName(given)
  const option = name === undefined ? undefined : NAMES.get(name)
  if (name === undefined || option === undefined) return { whole: word, takesNext: false }
  const takesNext = value === undefined && !name.startsWith('no-') && OPTIONS[option].value !== undefined
  return { whole: `--${name}${value ?? ''}`, takesNext }
}

/** @returns undefined when no option begins like this. */
function fullName(beginning: string): string | undefined {
  if (Object.hasOwn(HABITS, beginning)) throw new UsageError(`unknown option '--${beginning}': ${HABITS[beginning]}`)
  // Each option begins like nothing.
  if (beginning === '') return undefined
  const found = [...NAMES.keys()].filter(
    (name) => name.length > 1 && name.startsWith(beginning) && (beginning.startsWith('no-') || !name.startsWith('no-')),
  )
  // Two names of one option are no two options.
  if (new Set(found.map((name) => NAMES.get(name))).size > 1) {
    throw new UsageError(`ambiguous option '--${beginning}': ${found.map((name) => `--${name}`).join(', ')}`)
  }
  return found[0]
}

/** Of letters behind one hyphen: is the value of the last one the next word? */
function endsInValue(word: string): boolean {
  if (!/^-[^-]/.test(word)) return false
  for (let i = 1; i < word.length; i++) {
    const letter = word[i]
    const name = NAMES.get(letter)
    if (name === undefined) {
      if (Object.hasOwn(HABITS, letter)) throw new UsageError(`unknown option '-${letter}': ${HABITS[letter]}`)
      return false
    }
    if (OPTIONS[name].value !== undefined) return i === word.length - 1
  }
  return false
}

/**
 * Reads what stands behind the command's name. `--no-X` takes back `--X`, as HTTPie has it.
 * @throws {UsageError} naming the option that is unknown, or its value that cannot be.
 */
export function parseOptions(argv: readonly string[]): Given {
  const command = new Command('hyper')
    .argument('[words...]')
    .configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} })
    .exitOverride()
    .helpOption(false)
  const names = new Map<string, OptionName>()
  for (const name of OPTION_NAMES) {
    for (const option of optionsFor(name, OPTIONS[name])) {
      names.set(option.attributeName(), name)
      command.addOption(option)
    }
  }
  try {
    command.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    throw new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '))
  }
  const found: Partial<Record<OptionName, unknown>> = {}
  const unset = new Set<OptionName>()
  for (const [attribute, value] of Object.entries(command.opts())) {
    const name = names.get(attribute)
    // `false` is what --no-X leaves.
    if (name !== undefined && value === false) unset.add(name)
    else if (name !== undefined) found[name] = value
  }
  // Each value was made by the reader of its own row.
  return { options: found as Options, unset, words: command.args }
}

function optionsFor(name: string, row: Row): Option[] {
  const value = row.value === undefined ? '' : ` <${row.value}>`
  const main = new Option(`${row.short === undefined ? '' : `-${row.short}, `}--${name}${value}`)
  const all = [main, new Option(`--no-${name}`)]
  if (row.alias !== undefined) all.push(new Option(`${row.alias.length === 1 ? '-' : '--'}${row.alias}${value}`))
  for (const option of all) {
    // Of hidden ones none is proposed in the place of one that is unknown.
    option.hidden = option !== main
    if (option.negate) continue
    if (row.choices !== undefined) option.choices(row.choices)
    else addReader(option, name, row)
  }
  return all
}

function addReader(option: Option, name: string, { kind }: Row): void {
  if (kind === 'count') option.argParser((_, before) => (typeof before === 'number' ? before : 0) + 1)
  if (kind === 'list') option.argParser((value, before: unknown) => [...(Array.isArray(before) ? before : []), value])
  if (kind === 'whole') option.argParser((value) => wholeNumber(name, value))
  if (kind === 'seconds') option.argParser((value) => milliseconds(name, value))
  if (kind === 'octets') option.argParser((value) => octetsOf(name, value))
}

function wholeNumber(name: string, value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new UsageError(`--${name} takes a whole number, not ${JSON.stringify(value)}`)
  return Number(value)
}

function milliseconds(name: string, value: string): number {
  if (!/^(?:\d{1,7}|\d{0,7}\.\d+)$/.test(value)) {
    throw new UsageError(`--${name} takes a number of seconds, not ${JSON.stringify(value)}`)
  }
  // 0 is no limit: what is above it must not become 0.
  return Math.ceil(Number(value) * 1000)
}

function octetsOf(name: string, value: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([kmg]?)$/i.exec(value) ?? []
  const octets = Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase())
  if (digits === '' || octets === 0) {
    throw new UsageError(`--${name} takes a number of octets, such as 500 or 200k, not ${JSON.stringify(value)}`)
  }
  return octets
}
