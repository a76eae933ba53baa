/**
 * The options of the command: one table, of which the parser, `--help`, the manual page and the completions are made. What
 * does not stand here does not exist; what stands here is honoured, or refused by name.
 */
import { count, flag, list, octets, type Row, seconds, text, type ValueOf, whole } from './option-row.ts'
import { STYLE_NAMES } from './styles.ts'

const REQUEST = {
  json: flag('send fields as JSON, which is the default; accept JSON', {
    short: 'j',
    more: "With text behind it that begins with {, [ or @ it is curl's: that text, or what the file holds, is the body.",
  }),
  form: flag('send fields as a form; multipart/form-data when there are files', { short: 'f', brief: true }),
  multipart: flag('send fields as multipart/form-data'),
  boundary: text('text', 'the boundary of multipart/form-data'),
  raw: text('text', 'send this text as the body'),
  compress: count('send the body with deflate, if that makes it shorter; -xx: in any case', { short: 'x' }),
  chunked: flag('send the body without a length: in chunks over HTTP/1.1'),
  'ignore-stdin': flag('do not read the body from standard input', { short: 'I', brief: true }),
  'path-as-is': flag('send /../ and /./ in the path as they are'),
  'default-scheme': text('scheme', 'what a URL without a scheme has: http or https', {
    choices: ['http', 'https'],
    more: 'Default: https; on this machine (localhost, 127.0.0.1, ::1) TLS if the server speaks it, otherwise http.',
  }),
  offline: flag('show the request, send nothing', { brief: true }),
  priority: text('field', 'the priority of the request (RFC 9218): u=1,i'),
} satisfies Readonly<Record<string, Row>>

const OUTPUT = {
  print: text('parts', 'H, B: head and body of the request; h, b: of the response; m: meta', {
    short: 'p',
    brief: true,
  }),
  headers: flag("show the response's head only (-p h)", { short: 'h', brief: true, alias: 'H' }),
  body: flag("show the response's body only (-p b)", { short: 'b', brief: true }),
  meta: flag('show what is known beside the response only (-p m)', { short: 'm' }),
  verbose: count('show all of request and response, redirects too; -vv: meta as well', { short: 'v', brief: true }),
  quiet: count('show nothing but errors and warnings; -qq: errors only', { short: 'q', brief: true }),
  all: flag('show what came before, too: redirects, and the first answer with digest'),
  'history-print': text('parts', 'what is shown of what came before (default: as --print)', { short: 'P' }),
  stream: flag('show a body line by line as it comes', { short: 'S', brief: true }),
  pretty: text('how', 'all, colors, format, none (default: all on a terminal, none elsewhere)', {
    brief: true,
    choices: ['all', 'colors', 'format', 'none'],
  }),
  style: text('style', 'the colours', { short: 's', choices: STYLE_NAMES }),
  sorted: flag('sort header fields and the members of JSON objects where bodies are formatted'),
  unsorted: flag('sort nothing, which is the default'),
  'format-options': list('options', 'json.indent:2,json.sort_keys:true ...', {
    more:
      'headers.sort, json.format, json.indent, json.sort_keys, xml.format and xml.indent, with commas between them. ' +
      'Default: headers.sort:false, json.format:true, json.indent:4, json.sort_keys:false, xml.format:true, xml.indent:2.',
  }),
  'response-charset': text('name', "the character set of the response's body, whatever it says"),
  'response-mime': text('type', "the media type of the response's body, whatever it says"),
  format: text('text', "written behind the rest, as curl's -w: '%{http_code} %{time_total}\\n'", {
    short: 'w',
    alias: 'write-out',
    more: '@file reads the text from a file. The variables are in docs/command.md.',
  }),
} satisfies Readonly<Record<string, Row>>

const FILES = {
  output: text('file', "write the response's body to this file; - is standard output", {
    short: 'o',
    brief: true,
    file: true,
  }),
  download: flag('write the body to a file that the server or the URL names', {
    short: 'd',
    brief: true,
    more: 'A file that is there is never overwritten: the new one gets a number. With -o FILE, that file. In a pipe, standard output. Redirects are followed.',
  }),
  continue: flag('go on with a download into --output', { short: 'c', brief: true }),
  'limit-rate': octets('octets a second, both ways: 200k, 1M'),
} satisfies Readonly<Record<string, Row>>

const REDIRECTS = {
  follow: flag('follow redirects', { short: 'F', brief: true }),
  'max-redirects': whole('n', 'how many of them (default: 30)'),
  'check-status': flag('exit with 3, 4, 5 for a status 3xx, 4xx, 5xx', { brief: true }),
  retry: whole('n', 'try again so often after a status 408, 429, 500, 502, 503, 504 or a lost connection', {
    more: 'It waits 1 second, then 2, 4 and so on up to 10 minutes, or as long as Retry-After says.',
  }),
  'retry-delay': seconds('wait so long before each of them'),
} satisfies Readonly<Record<string, Row>>

const AUTHENTICATION = {
  auth: text('user:pass', 'credentials, or a token; without :pass it is asked for', { short: 'a', brief: true }),
  'auth-type': text('type', 'basic, digest or bearer (default: basic)', {
    short: 'A',
    brief: true,
    choices: ['basic', 'digest', 'bearer'],
  }),
  'ignore-netrc': flag('take no credentials from ~/.netrc'),
  session: text('name', 'keep cookies, credentials and header fields under this name', {
    brief: true,
    more: 'A name is kept for each host, in the folder of the configuration; what has a slash in it is a file.',
  }),
  'session-read-only': text('name', 'the same, and change nothing of it'),
} satisfies Readonly<Record<string, Row>>

const CONNECTION = {
  h2: flag('HTTP/2 or failure; for http: by prior knowledge', { brief: true }),
  'http1.1': flag('HTTP/1.1 only', { brief: true }),
  timeout: seconds('for connecting, for the head, between parts of the body', { brief: true }),
  proxy: list('url', 'proxy, or none (default: HTTP_PROXY, HTTPS_PROXY, NO_PROXY)', {
    brief: true,
    more: 'https:URL is for https alone, http:URL for http. It may be repeated.',
  }),
  resolve: list('host:port:address', 'connect there when this host and port are meant'),
  'unix-socket': text('path', 'connect to this socket', { file: true }),
  interface: text('name', 'connect from this address, or from the address of this interface'),
  'max-headers': whole('n', 'fields of the response at most; 0: as many as come'),
  push: flag('accept what the server pushes, and show it'),
  window: octets('receive window of a stream, which then stays'),
} satisfies Readonly<Record<string, Row>>

const TLS = {
  verify: text('how', 'yes, no, or a file or folder of certificates to trust (default: yes)', {
    brief: true,
    file: true,
  }),
  cert: text('file', 'client certificate in PEM; its key, too, unless --cert-key is there', {
    brief: true,
    file: true,
  }),
  'cert-key': text('file', 'private key of --cert', { file: true }),
  'cert-key-pass': text('text', 'what decrypts the key'),
  ssl: text('version', 'this version of TLS only: tls1.2, tls1.3', {
    choices: ['ssl2.3', 'tls1', 'tls1.1', 'tls1.2', 'tls1.3'],
    more: 'ssl2.3: whatever both sides know. tls1 and tls1.1 are weak: the command warns.',
  }),
  ciphers: text('list', 'ciphers, as OpenSSL writes them'),
} satisfies Readonly<Record<string, Row>>

const MICROSCOPE = {
  timing: flag('show how long each step took, on standard error', { brief: true }),
  debug: flag('show each HTTP/2 frame and HPACK state; stack traces', { brief: true }),
  traceback: flag('show the stack trace of an error'),
  trace: text('file', 'write each HTTP/2 frame with its time to the file, one JSON a line; see hyper trace', {
    file: true,
  }),
  har: text('file', 'write requests and responses to the file, as HAR', { file: true }),
  tls: flag('show what TLS agreed on, and the certificates'),
  settings: flag('show what the server announced in SETTINGS'),
  ping: flag('measure the round trip by PING, -n times (default: 4)'),
  count: whole('n', 'send the request so often and show how long they took; -c: at once', {
    short: 'n',
    alias: 'requests',
  }),
  concurrency: whole('n', 'so many of --count at once (default: 1); with --count -c is this'),
  compare: flag('with --count: HTTP/2 and HTTP/1.1 beside each other'),
  yes: flag('with --count: yes, the server of somebody else'),
  curl: flag('show the request as a curl command, send nothing'),
  code: text('library', 'show the request as code, send nothing: axios, got, fetch, undici', {
    choices: ['axios', 'got', 'fetch', 'undici'],
  }),
} satisfies Readonly<Record<string, Row>>

const ABOUT = {
  help: flag('show this; --help all: everything', { brief: true }),
  version: flag('show the version'),
  man: flag('write the manual page', { alias: 'manual' }),
  completion: text('shell', 'write completions: for bash, zsh or fish', { choices: ['bash', 'zsh', 'fish'] }),
} satisfies Readonly<Record<string, Row>>

/** The groups of the help, and what is in them. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  'The request': REQUEST,
  'What is shown': OUTPUT,
  Files: FILES,
  'Redirects and failures': REDIRECTS,
  'Who asks': AUTHENTICATION,
  Connections: CONNECTION,
  TLS,
  'Looking closer': MICROSCOPE,
  'About the command': ABOUT,
}

const TABLE = {
  ...REQUEST,
  ...OUTPUT,
  ...FILES,
  ...REDIRECTS,
  ...AUTHENTICATION,
  ...CONNECTION,
  ...TLS,
  ...MICROSCOPE,
  ...ABOUT,
}

export type OptionName = keyof typeof TABLE

/** All rows by their long names. */
export const OPTIONS: Readonly<Record<OptionName, Row>> = TABLE

/** The options that were given. */
export type Options = { readonly [Name in OptionName]?: ValueOf[(typeof TABLE)[Name]['kind']] }

export const OPTION_NAMES: readonly OptionName[] = Object.keys(TABLE).filter((name): name is OptionName =>
  Object.hasOwn(TABLE, name),
)

/** As it is typed: `-f, --form`. */
export function spelling(name: string, { short, alias }: Row): string {
  return [short, name, alias]
    .filter((one) => one !== undefined)
    .map((one) => (one.length === 1 ? `-${one}` : `--${one}`))
    .sort((a, b) => a.length - b.length)
    .join(', ')
}
