/**
 * The options of the command: one table, of which the parser, `--help`, the manual page and the completions are made. What
 * does not stand here does not exist; what stands here is honoured, or refused by name.
 */
import { count, flag, list, octets, type Row, seconds, text, type ValueOf, whole } from './option-row.ts'
import { STYLE_NAMES } from './styles.ts'

const REQUEST = {
  json: flag('send fields as JSON, which is the default; accept JSON', {
    short: 'j',
    more: "Followed by text that begins with {, [ or @ it is curl's --json: the body is that text, or the contents of the file.",
  }),
  form: flag('send fields as a form; multipart/form-data when there are files', { short: 'f', brief: true }),
  multipart: flag('send fields as multipart/form-data'),
  boundary: text('text', 'the boundary of multipart/form-data'),
  raw: text('text', 'send this text as the body'),
  compress: count('compress the body with deflate if that makes it shorter; -xx: always', { short: 'x' }),
  chunked: flag('send the body without content-length: over HTTP/1.1 with the chunked transfer coding'),
  'ignore-stdin': flag('do not read the body from standard input', { short: 'I', brief: true }),
  'path-as-is': flag('do not normalise /../ and /./ in the path'),
  'default-scheme': text('scheme', 'the scheme of URLs that have none: http or https', {
    choices: ['http', 'https'],
    more: 'Default: https; on this machine (localhost, 127.0.0.1, ::1) TLS if the server speaks it, otherwise http.',
  }),
  offline: flag('print the request, send nothing', { brief: true }),
  priority: text('field', 'the priority of the request (RFC 9218): u=1,i'),
} satisfies Readonly<Record<string, Row>>

const OUTPUT = {
  print: text('parts', 'H, B: headers and body of the request; h, b: of the response; m: metadata', {
    short: 'p',
    brief: true,
  }),
  headers: flag("print only the response's header section (-p h)", { short: 'h', brief: true, alias: 'H' }),
  body: flag("print only the response's body (-p b)", { short: 'b', brief: true }),
  meta: flag('print only metadata: protocol, address, elapsed time (-p m)', { short: 'm' }),
  verbose: count('print request and response, redirects too; -vv: metadata as well', { short: 'v', brief: true }),
  quiet: count('print only errors and warnings; -qq: only errors', { short: 'q', brief: true }),
  all: flag('print intermediate responses too: of redirects, and the first one with digest'),
  'history-print': text('parts', 'what to print of intermediate exchanges (default: as --print)', { short: 'P' }),
  stream: flag('print the body line by line as it arrives', { short: 'S', brief: true }),
  pretty: text('how', 'all, colors, format, none (default: all on a terminal, none elsewhere)', {
    brief: true,
    choices: ['all', 'colors', 'format', 'none'],
  }),
  style: text('style', 'the colour theme', { short: 's', choices: STYLE_NAMES }),
  sorted: flag('sort header fields and the members of JSON objects when formatting'),
  unsorted: flag('sort nothing (default)'),
  'format-options': list('options', 'json.indent:2,json.sort_keys:true ...', {
    more:
      'headers.sort, json.format, json.indent, json.sort_keys, xml.format and xml.indent, with commas between them. ' +
      'Default: headers.sort:false, json.format:true, json.indent:4, json.sort_keys:false, xml.format:true, xml.indent:2.',
  }),
  'response-charset': text('name', "decode the response's body with this character set, whatever its media type says"),
  'response-mime': text('type', "treat the response's body as this media type"),
  format: text('text', "print this at the end, as curl's -w: '%{http_code} %{time_total}\\n'", {
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
  download: flag('save the body to a file named by the server or the URL', {
    short: 'd',
    brief: true,
    more: 'An existing file is never overwritten: the new one gets a number. With -o FILE the body goes to FILE, in a pipe to standard output. Redirects are followed.',
  }),
  continue: flag('resume a download into --output', { short: 'c', brief: true }),
  'limit-rate': octets('the maximum rate in octets per second, both ways: 200k, 1M'),
} satisfies Readonly<Record<string, Row>>

const REDIRECTS = {
  follow: flag('follow redirects', { short: 'F', brief: true }),
  'max-redirects': whole('n', 'the maximum number of redirects (default: 30)'),
  'check-status': flag('exit with 3, 4, 5 for status 3xx, 4xx, 5xx', { brief: true }),
  retry: whole('n', 'retry up to n times after status 408, 429, 500, 502, 503, 504 or a lost connection', {
    more: 'It waits 1 second, then 2, 4 and so on up to 10 minutes, or as long as Retry-After says.',
  }),
  'retry-delay': seconds('wait this long before each retry'),
} satisfies Readonly<Record<string, Row>>

const AUTHENTICATION = {
  auth: text('user:pass', 'credentials, or a token; without :pass the password is asked for', {
    short: 'a',
    brief: true,
  }),
  'auth-type': text('type', 'basic, digest or bearer (default: basic)', {
    short: 'A',
    brief: true,
    choices: ['basic', 'digest', 'bearer'],
  }),
  'ignore-netrc': flag('do not read credentials from ~/.netrc'),
  session: text('name', 'keep cookies, credentials and header fields under this name', {
    brief: true,
    more: 'A name is for one host, in the configuration folder; a value with a slash is the path of a file. Sessions of HTTPie can be used.',
  }),
  'session-read-only': text('name', 'use a session without changing it'),
} satisfies Readonly<Record<string, Row>>

const CONNECTION = {
  h2: flag('HTTP/2 only; for http: by prior knowledge', { brief: true }),
  'http1.1': flag('HTTP/1.1 only', { brief: true }),
  timeout: seconds('for connecting, for the response to begin, between parts of the body', { brief: true }),
  proxy: list('url', 'proxy, or none (default: HTTP_PROXY, HTTPS_PROXY, NO_PROXY)', {
    brief: true,
    more: 'https:URL is for https alone, http:URL for http. It may be repeated.',
  }),
  resolve: list('host:port:address', 'connect to this address for this host and port'),
  'unix-socket': text('path', 'connect to this Unix domain socket', { file: true }),
  interface: text('name', 'connect from this address or network interface'),
  'max-headers': whole('n', 'the maximum number of response header fields; 0: no limit'),
  push: flag('accept server push, and print what was pushed'),
  window: octets('a fixed receive window for each stream'),
} satisfies Readonly<Record<string, Row>>

const TLS = {
  verify: text('how', 'yes, no, or a file or folder of CA certificates (default: yes)', {
    brief: true,
    file: true,
    more: 'When it is not given: the file in REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE.',
  }),
  cert: text('file', 'client certificate in PEM, with its key unless --cert-key is given', {
    brief: true,
    file: true,
  }),
  'cert-key': text('file', 'the private key of --cert', { file: true }),
  'cert-key-pass': text('text', 'the passphrase of the key'),
  ssl: text('version', 'only this version of TLS: tls1.2, tls1.3', {
    choices: ['ssl2.3', 'tls1', 'tls1.1', 'tls1.2', 'tls1.3'],
    more: 'ssl2.3: the highest that both sides support. tls1 and tls1.1 are weak: the command warns.',
  }),
  ciphers: text('list', 'a cipher list in the format of OpenSSL'),
} satisfies Readonly<Record<string, Row>>

const MICROSCOPE = {
  timing: flag('print how long each step took, on standard error', { brief: true }),
  debug: flag('print each HTTP/2 frame and HPACK state; stack traces', { brief: true }),
  traceback: flag('print the stack trace of an error'),
  trace: text('file', 'write each HTTP/2 frame with its time to a file, one JSON object per line; see hyper trace', {
    file: true,
  }),
  har: text('file', 'write requests and responses to a file, as HAR', { file: true }),
  tls: flag('print the parameters of TLS, and the certificate chain'),
  settings: flag("print the server's SETTINGS, and what they mean"),
  ping: flag('measure round trips with PING, -n times (default: 4)'),
  count: whole('n', 'send the request n times and print statistics; -c: in parallel', {
    short: 'n',
    alias: 'requests',
  }),
  concurrency: whole('n', 'requests of --count in parallel (default: 1); with --count, -c is short for it'),
  compare: flag('with --count: compare HTTP/2 and HTTP/1.1'),
  yes: flag('with --count: allow a server that is not this machine'),
  curl: flag('print the request as a curl command, send nothing'),
  code: text('library', 'print the request as code, send nothing: axios, got, fetch, undici', {
    choices: ['axios', 'got', 'fetch', 'undici'],
  }),
} satisfies Readonly<Record<string, Row>>

const ABOUT = {
  help: flag('print this; --help all: all options', { brief: true }),
  version: flag('print the version'),
  man: flag('print the manual page', { alias: 'manual' }),
  completion: text('shell', 'print shell completions: bash, zsh or fish', { choices: ['bash', 'zsh', 'fish'] }),
} satisfies Readonly<Record<string, Row>>

/** The groups of the help, and what is in them. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  Request: REQUEST,
  Output: OUTPUT,
  Files: FILES,
  'Redirects and failures': REDIRECTS,
  Authentication: AUTHENTICATION,
  Connection: CONNECTION,
  TLS,
  Debugging: MICROSCOPE,
  Help: ABOUT,
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
