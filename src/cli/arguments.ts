/** The command line, read by commander: what the options are, what they say to the user, and what may not stand together. */
import { Command, CommanderError, Option } from 'commander'
import { UsageError } from './failures.ts'
import { type Item, looksLikeItem, parseItem } from './items.ts'

/** A part of the exchange that can be shown: H and B of the request, h and b of the response, m for what is known beside. */
export type Part = 'H' | 'B' | 'h' | 'b' | 'm'

/** What is done to what is shown. */
export type Pretty = 'all' | 'colors' | 'format' | 'none'

/** The command line, understood. */
export interface CommandLine {
  /** Undefined: GET, or POST when there is data. */
  readonly method: string | undefined
  readonly url: string
  readonly items: readonly Item[]
  readonly body: 'json' | 'form' | 'multipart'
  readonly raw: string | undefined
  readonly ignoreStdin: boolean
  /** Undefined: by where the output goes. */
  readonly parts: ReadonlySet<Part> | undefined
  readonly verbose: boolean
  readonly quiet: boolean
  readonly pretty: Pretty | undefined
  readonly output: string | undefined
  readonly follow: boolean
  readonly maxRedirects: number
  readonly checkStatus: boolean
  /** Milliseconds. */
  readonly timeout: number | undefined
  readonly auth: string | undefined
  /** `true`, `false`, or a path. */
  readonly verify: boolean | string
  readonly cert: string | undefined
  readonly certKey: string | undefined
  readonly certKeyPass: string | undefined
  readonly proxy: string | undefined
  readonly protocol: 'h2' | 'http/1.1' | undefined
  readonly debug: boolean
  readonly timing: boolean
}

/** What is to be said instead of a request: help, or the version. */
export interface Notice {
  readonly notice: string
}

const METHODS: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY PROPFIND PROPPATCH MKCOL COPY MOVE REPORT'.split(' '),
)

const ITEMS = `
Items:
  Header:value  Header: (not sent)  Header; (empty)  :authority:x    fields of the request's head
  name==value (query)   field=text  field:=json  field=@file  field:=@file   the query; the body
  field@file[;type=text/plain] (upload, needs --form)   @file (is the body)   backslash: a\\:b=c

Examples:
  hyper example.org/get id==1 X-Token:abc            hyper put example.org/a.png @a.png
  hyper example.org/post name=hyper age:=3           hyper -f example.org/upload me@a.png
  hyper -v --h2 http://localhost:8080/               echo hello | hyper example.org/post`

/**
 * Understands the command line.
 * @param argv what stands behind the command's name.
 * @throws {UsageError} naming what is wrong with it.
 */
export function parseArguments(argv: readonly string[], version: string): CommandLine | Notice {
  const said: string[] = []
  const command = define(version, (text) => said.push(text))
  try {
    command.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { notice: said.join('') }
    throw new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '))
  }
  return read(command.opts(), command.args)
}

function define(version: string, say: (text: string) => void): Command {
  return new Command('hyper')
    .usage('[options] [METHOD] URL [ITEM...]')
    .argument('[words...]')
    .configureHelp({ visibleArguments: () => [], showGlobalOptions: false })
    .configureOutput({ writeOut: say, writeErr: say, getOutHelpWidth: () => 100, getErrHelpWidth: () => 100 })
    .configureOutput({ getOutHasColors: () => false, outputError: () => {} })
    .exitOverride()
    .helpOption('-h, --help', 'show this')
    .version(version, '--version', 'show the version')
    .option('-f, --form', 'send fields as a form; multipart/form-data when there are files')
    .option('--multipart', 'send fields as multipart/form-data')
    .option('--raw <text>', 'send this text as the body')
    .option('--ignore-stdin', 'do not read the body from standard input')
    .option('-p, --print <parts>', 'H, B: head and body of the request; h, b: of the response; m: meta')
    .option('-b, --body', "show the response's body only (-p b)")
    .option('-H, --headers', "show the response's head only (-p h)")
    .option('-v, --verbose', 'show all of request and response, redirects too (-p HBhb)')
    .option('-q, --quiet', 'show nothing but errors')
    .addOption(
      new Option('--pretty <how>', 'default: all on a terminal, none (raw) in a pipe').choices([
        'all',
        'colors',
        'format',
        'none',
      ]),
    )
    .option('-o, --output <file>', "write the response's body to this file; - is standard output")
    .option('-F, --follow', 'follow redirects')
    .addOption(new Option('--max-redirects <n>', 'how many of them (default: 30)').argParser(wholeNumber))
    .option('--check-status', 'exit with 3, 4, 5 for a status 3xx, 4xx, 5xx')
    .addOption(
      new Option('--timeout <seconds>', 'for connecting, for the head, between parts of the body').argParser(seconds),
    )
    .option('-a, --auth <user:pass>', 'Basic authentication; without :pass it is asked for')
    .option('--verify <how>', 'yes, no, or a file or folder of certificates to trust (default: yes)')
    .option('--cert <file>', 'client certificate in PEM; its key, too, unless --cert-key is there')
    .option('--cert-key <file>', 'private key of --cert')
    .option('--cert-key-pass <text>', 'what decrypts the key')
    .option('--proxy <url>', 'proxy, or none (default: HTTP_PROXY, HTTPS_PROXY, NO_PROXY)')
    .option('--h2', 'HTTP/2 or failure; for http: by prior knowledge')
    .option('--http1.1', 'HTTP/1.1 only')
    .option('--timing', 'show how long each step took, on standard error')
    .option('--debug', 'show each HTTP/2 frame and HPACK state, on standard error; stack traces')
    .addHelpText('after', ITEMS)
}

function read(options: Readonly<Record<string, unknown>>, words: readonly string[]): CommandLine {
  const exclude = (...names: readonly string[]): void => {
    const there = names.filter((name) => options[attribute(name)] !== undefined)
    if (there.length > 1) throw new UsageError(`${there.join(' and ')} exclude each other`)
  }
  exclude('--h2', '--http1.1')
  exclude('--form', '--multipart', '--raw')
  exclude('--print', '--body', '--headers', '--verbose', '--quiet')
  for (const [name, needed] of [
    ['--cert-key', '--cert'],
    ['--cert-key-pass', '--cert'],
  ]) {
    if (options[attribute(name)] !== undefined && options[attribute(needed)] === undefined) {
      throw new UsageError(`${name} needs ${needed}`)
    }
  }
  const { method, url, rest } = splitWords(words)
  const output = text(options['output'])
  return {
    method,
    url,
    items: rest.map((word) => parseItem(word)),
    body: options['multipart'] === true ? 'multipart' : options['form'] === true ? 'form' : 'json',
    raw: text(options['raw']),
    ignoreStdin: options['ignoreStdin'] === true,
    parts: partsOf(options) ?? (output === '-' ? new Set<Part>(['b']) : undefined),
    verbose: options['verbose'] === true,
    quiet: options['quiet'] === true,
    pretty: prettyOf(options['pretty']),
    output: output === '-' ? undefined : output,
    follow: options['follow'] === true,
    maxRedirects: typeof options['maxRedirects'] === 'number' ? options['maxRedirects'] : 30,
    checkStatus: options['checkStatus'] === true,
    timeout: typeof options['timeout'] === 'number' ? options['timeout'] : undefined,
    auth: text(options['auth']),
    verify: verifyOf(text(options['verify'])),
    cert: text(options['cert']),
    certKey: text(options['certKey']),
    certKeyPass: text(options['certKeyPass']),
    proxy: text(options['proxy']),
    protocol: options['h2'] === true ? 'h2' : options['http1.1'] === true ? 'http/1.1' : undefined,
    debug: options['debug'] === true,
    timing: options['timing'] === true,
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

function partsOf(options: Readonly<Record<string, unknown>>): ReadonlySet<Part> | undefined {
  if (options['quiet'] === true) return new Set()
  if (options['verbose'] === true) return new Set<Part>(['H', 'B', 'h', 'b'])
  if (options['body'] === true) return new Set<Part>(['b'])
  if (options['headers'] === true) return new Set<Part>(['h'])
  const print = text(options['print'])
  if (print === undefined) return undefined
  const parts = new Set<Part>()
  for (const char of print) {
    if (!isPart(char)) throw new UsageError(`--print takes letters of HBhbm, not ${JSON.stringify(char)}`)
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

function verifyOf(value: string | undefined): boolean | string {
  if (value === undefined || /^(?:yes|true)$/i.test(value)) return true
  if (/^(?:no|false)$/i.test(value)) return false
  if (value === '') throw new UsageError('--verify takes yes, no, or a path')
  return value
}

function wholeNumber(value: string): number {
  if (!/^\d{1,6}$/.test(value))
    throw new UsageError(`--max-redirects takes a whole number, not ${JSON.stringify(value)}`)
  return Number(value)
}

function seconds(value: string): number {
  if (!/^(?:\d{1,7}|\d{0,7}\.\d+)$/.test(value)) {
    throw new UsageError(`--timeout takes a number of seconds, not ${JSON.stringify(value)}`)
  }
  // 0 is no limit: what is above it must not become 0.
  return Math.ceil(Number(value) * 1000)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The name by which commander keeps an option. */
function attribute(name: string): string {
  return new Option(name).attributeName()
}
