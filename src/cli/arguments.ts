/** The command line: what was given, and what may not stand together. */
import { existsSync } from 'node:fs'
import { UsageError } from './failures.ts'
import { longHelp, shortHelp } from './help.ts'
import { type Item, looksLikeItem, parseItem } from './items.ts'
import type { OptionName, Options } from './options.ts'
import { type Given, inFull, parseOptions } from './parser.ts'

/** A part of the exchange that can be shown: H and B of the request, h and b of the response, m for what is known beside. */
export type Part = 'H' | 'B' | 'h' | 'b' | 'm'

/** What is done to what is shown. */
export type Pretty = 'all' | 'colors' | 'format' | 'none'

/** The command line, understood. */
export interface CommandLine {
  /** What was given, where it needs no understanding. */
  readonly options: Options
  /** Undefined: GET, or POST when there is data. */
  readonly method: string | undefined
  readonly url: string
  readonly items: readonly Item[]
  readonly body: 'json' | 'form' | 'multipart'
  /** Undefined: by where the output goes. */
  readonly parts: ReadonlySet<Part> | undefined
  /** What is shown of what came before; undefined: as `parts`, or nothing. */
  readonly history: ReadonlySet<Part> | undefined
  /** What came before is shown. */
  readonly all: boolean
  /** Nothing is shown but errors and warnings. */
  readonly quiet: boolean
  readonly pretty: Pretty | undefined
  readonly output: string | undefined
  readonly download: boolean
  readonly follow: boolean
  readonly maxRedirects: number
  readonly checkStatus: boolean
  readonly authType: 'basic' | 'digest' | 'bearer'
  /** `true`, `false`, or a path. */
  readonly verify: boolean | string
  readonly protocol: 'h2' | 'http/1.1' | undefined
}

/** What is to be said instead of a request: help, the version, or what other programs read. */
export interface Notice {
  readonly notice: 'text' | 'man' | 'completion' | 'trace'
  readonly text: string
}

const METHODS: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY PROPFIND PROPPATCH MKCOL COPY MOVE REPORT'.split(' '),
)

/** Options that do not go together. */
const EXCLUSIVE: readonly (readonly OptionName[])[] = [
  ['h2', 'http1.1'],
  ['form', 'multipart', 'raw'],
  ['json', 'form', 'multipart'],
  ['print', 'body', 'headers', 'meta', 'verbose', 'quiet'],
  ['sorted', 'unsorted'],
  ['unix-socket', 'proxy'],
  ['session', 'session-read-only'],
  ['offline', 'download', 'ping', 'curl', 'code'],
  ['offline', 'download', 'count', 'curl', 'code'],
]

/** What is not done beside another thing: the first is not given together with any of the rest. */
const AGAINST: readonly (readonly [OptionName, readonly OptionName[]])[] = [
  ['count', ['output', 'follow', 'retry', 'push', 'format', 'har', 'timing', 'tls', 'limit-rate', 'check-status']],
  ['ping', ['output', 'follow', 'retry', 'push', 'format', 'har', 'timing', 'tls', 'limit-rate', 'check-status']],
  ['offline', ['output', 'retry', 'push', 'format', 'har', 'timing', 'tls', 'settings', 'trace', 'check-status']],
  ['curl', ['push', 'format', 'har', 'timing', 'tls', 'settings', 'trace', 'window', 'max-headers']],
  ['code', ['push', 'format', 'har', 'timing', 'tls', 'settings', 'trace', 'window', 'max-headers']],
]

/** Options that mean nothing without another: one of these. */
const NEEDS: readonly (readonly [OptionName, readonly OptionName[]])[] = [
  ['cert-key', ['cert']],
  ['cert-key-pass', ['cert']],
  ['boundary', ['form', 'multipart']],
  ['history-print', ['all', 'verbose']],
  ['continue', ['output']],
  ['retry-delay', ['retry']],
  ['concurrency', ['count']],
  ['compare', ['count']],
  ['yes', ['count']],
]

/**
 * Understands the command line.
 * @param argv what stands behind the command's name.
 * @param defaults options that count where the command line does not say otherwise.
 * @throws {UsageError} naming what is wrong with it.
 */
export function parseArguments(
  argv: readonly string[],
  version: string,
  defaults: readonly string[] = [],
): CommandLine | Notice {
  const given = parseOptions(asHttpie(inFull(argv)))
  const { options } = given
  if (options.help || (options.headers && given.words.length === 0)) {
    return { notice: 'text', text: given.words[0] === 'all' ? longHelp() : shortHelp() }
  }
  if (options.version) return { notice: 'text', text: `${version}\n` }
  if (options.man) return { notice: 'man', text: version }
  if (options.completion !== undefined) return { notice: 'completion', text: options.completion }
  const trace = traceFile(given.words)
  if (trace !== undefined) return { notice: 'trace', text: trace }
  return read(withDefaults(given, defaults))
}

/** `hyper trace FILE`, where FILE is one; TRACE is a method, and `trace` before anything else as well. */
function traceFile([first, second, ...more]: readonly string[]): string | undefined {
  return first === 'trace' && second !== undefined && more.length === 0 && existsSync(second) ? second : undefined
}

/** Spellings that mean two things: `--json TEXT` of curl beside `--json` of HTTPie, `-c 10` beside `-n` and `--ping`. */
function asHttpie(argv: readonly string[]): string[] {
  const words: string[] = []
  const behind: string[] = []
  const pings = argv.includes('--ping')
  const counts = pings || argv.some((word) => /^-n\d*$|^--(?:count|requests)(?:=|$)/.test(word))
  // ping(8) has it for the number, load tools for how many at once.
  const meant = pings ? '--count' : '--concurrency'
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]
    const next = argv[i + 1] ?? ''
    if (word === '--') return [...words, ...argv.slice(i), ...behind]
    if (word === '--json' && (/^\s*[{"]/.test(next) || isArray(next))) {
      words.push('--json', '--raw', next)
      i++
    } else if (word === '--json' && /^@./.test(next)) {
      words.push('--json')
      behind.push(`${next};type=application/json`)
      i++
    } else if (word.startsWith('--json=')) {
      words.push('--json', '--raw', word.slice(7))
    } else if (counts && word === '-c' && /^\d+$/.test(next)) {
      words.push(meant, next)
      i++
    } else {
      words.push(counts ? word.replace(/^-c(\d+)$/, `${meant}=$1`) : word)
    }
  }
  return [...words, ...behind]
}

/** Not the address of a URL, which begins with a bracket, too. */
function isArray(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text))
  } catch {
    return false
  }
}

/** What the configuration says, but for what the command line says otherwise. */
function withDefaults(given: Given, defaults: readonly string[]): Given {
  if (defaults.length === 0) return given
  const { options, words } = parseOptions(inFull(defaults))
  if (words.length > 0)
    throw new UsageError(`the configuration may contain only options, not ${JSON.stringify(words[0])}`)
  const found: Partial<Record<OptionName, unknown>> = { ...options }
  for (const name of given.unset) delete found[name]
  // What may be repeated adds to what is there.
  const both = [...(options['format-options'] ?? []), ...(given.options['format-options'] ?? [])]
  for (const names of EXCLUSIVE) {
    if (!names.some((name) => given.options[name] !== undefined)) continue
    for (const name of names) delete found[name]
  }
  for (const [name, others] of AGAINST) {
    if (given.options[name] !== undefined) for (const other of others) delete found[other]
  }
  const format = given.unset.has('format-options') || both.length === 0 ? {} : { 'format-options': both }
  return { ...given, options: { ...(found as Options), ...given.options, ...format } }
}

function read({ options, words }: Given): CommandLine {
  for (const names of EXCLUSIVE) {
    const there = names.filter((name) => options[name] !== undefined)
    if (there.length > 1) throw new UsageError(`${there.map((name) => `--${name}`).join(' and ')} cannot be combined`)
  }
  for (const [name, others] of AGAINST) {
    const other = options[name] === undefined ? undefined : others.find((one) => options[one] !== undefined)
    if (other !== undefined) throw new UsageError(`--${name} and --${other} cannot be combined`)
  }
  for (const [name, needed] of NEEDS) {
    if (options[name] !== undefined && !needed.some((one) => options[one] !== undefined)) {
      throw new UsageError(`--${name} needs ${needed.map((one) => `--${one}`).join(' or ')}`)
    }
  }
  const { method, url, rest } = splitWords(words)
  // As with curl, where an option takes it: without this a field would be asked as if it were a host.
  if (!/^https?:\/\//i.test(url) && rest.some((word) => /^https?:\/\//i.test(word))) {
    throw new UsageError(`${JSON.stringify(url)} comes before the URL: the items stand behind it, as in hyper URL ITEM`)
  }
  const { output, print } = options
  if (options.continue && output === '-') throw new UsageError('--continue needs a file, not standard output')
  const download = options.download === true
  const history = options['history-print']
  return {
    options,
    method,
    url,
    items: rest.map((word) => parseItem(word)),
    body: options.multipart ? 'multipart' : options.form ? 'form' : 'json',
    parts: partsOf(options) ?? (output === '-' && print === undefined ? new Set<Part>(['b']) : undefined),
    history: history === undefined ? undefined : readParts('--history-print', history),
    all: options.all === true || options.verbose !== undefined,
    quiet: options.quiet !== undefined,
    pretty: prettyOf(options.pretty),
    output: output === '-' ? undefined : output,
    download,
    follow: options.follow === true || download,
    maxRedirects: options['max-redirects'] ?? 30,
    checkStatus: options['check-status'] === true || download,
    authType: authTypeOf(options['auth-type']),
    verify: verifyOf(options.verify),
    protocol: options.h2 ? 'h2' : options['http1.1'] ? 'http/1.1' : undefined,
  }
}

/**
 * METHOD, URL and ITEMs: a first word of letters is a method when it is known as one, or when a URL comes next, and never
 * when it is localhost.
 */
function splitWords(words: readonly string[]): { method: string | undefined; url: string; rest: readonly string[] } {
  const [first, second] = words
  if (first === undefined) throw new UsageError('a URL is needed')
  if (second !== undefined && /^[a-z]+$/i.test(first)) {
    const method = first.toUpperCase()
    if (METHODS.has(method) || (method !== 'LOCALHOST' && !looksLikeItem(second)))
      return { method, url: second, rest: words.slice(2) }
  }
  return { method: undefined, url: first, rest: words.slice(1) }
}

function partsOf({ quiet, verbose = 0, body, headers, meta, print }: Options): ReadonlySet<Part> | undefined {
  if (quiet !== undefined) return new Set()
  if (verbose > 0) return new Set<Part>(verbose > 1 ? ['H', 'B', 'h', 'b', 'm'] : ['H', 'B', 'h', 'b'])
  if (body) return new Set<Part>(['b'])
  if (headers) return new Set<Part>(['h'])
  if (meta) return new Set<Part>(['m'])
  return print === undefined ? undefined : readParts('--print', print)
}

function readParts(option: string, text: string): ReadonlySet<Part> {
  const parts = new Set<Part>()
  for (const char of text) {
    if (!isPart(char)) throw new UsageError(`${option} takes letters of HBhbm, not ${JSON.stringify(char)}`)
    parts.add(char)
  }
  return parts
}

function isPart(char: string): char is Part {
  return 'HBhbm'.includes(char)
}

function prettyOf(value: unknown): Pretty | undefined {
  return value === 'all' || value === 'colors' || value === 'format' || value === 'none' ? value : undefined
}

function authTypeOf(value: unknown): CommandLine['authType'] {
  return value === 'digest' || value === 'bearer' ? value : 'basic'
}

function verifyOf(value: string | undefined): boolean | string {
  if (value === undefined || /^(?:yes|true)$/i.test(value)) return true
  if (/^(?:no|false)$/i.test(value)) return false
  if (value === '') throw new UsageError('--verify takes yes, no, or a path')
  return value
}
