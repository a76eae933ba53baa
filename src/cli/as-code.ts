/** --curl and --code: the same request for somebody else to send. */
import type { CommandLine } from './arguments.ts'
import { octetsOf } from './body.ts'
import { proxyGiven } from './connect.ts'
import { UsageError } from './failures.ts'
import type { OptionName } from './options.ts'
import type { CommandRequest } from './request.ts'
import type { KeptAuth } from './session.ts'
import { decodeOctets } from './text.ts'

/** Octets of a body that are put into code. */
const MAX_BODY = 1 << 20

interface Parts {
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string | undefined
  readonly follow: boolean
}

/**
 * @param how curl, or a library.
 * @throws {UsageError} when the body is not text at hand, or an option has no place in the code.
 */
export async function asCode(
  request: CommandRequest,
  how: string,
  line: CommandLine,
  auth: KeptAuth | undefined,
): Promise<string> {
  const { method, target, headers, overrides, content } = request
  if (overrides.size > 0) throw new UsageError('pseudo-header fields cannot be put into code')
  const url = new URL(target.url)
  url.username = ''
  url.password = ''
  url.hash = ''
  const fields = [...headers.raw()]
    // What is found out by whoever sends it.
    .filter(([name]) => !/^(?:content-length|accept-encoding|user-agent)$/i.test(name))
    .map(([name, value]) => [name, decodeOctets(value)] as const)
  const body = content === undefined ? undefined : await textOf(content)
  const parts: Parts = { method, url: url.href, headers: fields, body, follow: line.follow }
  if (how === 'curl') return curl(parts, curlOptions(line, url, auth))
  const strange = OF_CONNECTIONS.find((name) => line.options[name] !== undefined)
  if (strange !== undefined) throw new UsageError(`--code cannot express --${strange}: leave it out`)
  if (auth?.type === 'digest') throw new UsageError('--code cannot express digest authentication')
  if (how === 'undici' && line.follow)
    throw new UsageError('undici does not follow redirects by itself: use --code fetch, or leave out --follow')
  return CODE[how]?.(parts) ?? ''
}

/** What is about the way to the server, and has a place in no library's call. */
const OF_CONNECTIONS: readonly OptionName[] = [
  ...(['h2', 'http1.1', 'timeout', 'proxy', 'resolve', 'unix-socket', 'interface', 'verify', 'cert'] as const),
  ...(['ssl', 'ciphers', 'limit-rate', 'retry', 'max-redirects', 'output'] as const),
]

/** The same words in curl. */
function curlOptions({ options, verify, output }: CommandLine, url: URL, auth: KeptAuth | undefined): string[] {
  const words: string[] = []
  const add = (option: string, value: string | number | undefined): void => {
    if (value !== undefined) words.push(`${option} ${shell(String(value))}`)
  }
  if (auth?.type === 'digest') words.push(`--digest --user ${shell(auth.raw)}`)
  if (options.h2) words.push(url.protocol === 'http:' ? '--http2-prior-knowledge' : '--http2')
  if (options['http1.1']) words.push('--http1.1')
  if (verify === false) words.push('--insecure')
  add('--cacert', typeof verify === 'string' ? verify : undefined)
  add('--cert', options.cert)
  add('--key', options['cert-key'])
  add('--pass', options['cert-key-pass'])
  add('--ciphers', options.ciphers)
  if (options.ssl?.startsWith('tls1.')) words.push(`--tlsv${options.ssl.slice(3)} --tls-max ${options.ssl.slice(3)}`)
  else if (options.ssl === 'tls1') words.push('--tlsv1.0 --tls-max 1.0')
  for (const one of options.resolve ?? []) add('--resolve', one)
  const proxy = proxyGiven(options.proxy ?? [], url.origin)
  if (proxy === 'none') words.push("--noproxy '*'")
  else add('--proxy', proxy)
  add('--unix-socket', options['unix-socket'])
  add('--interface', options.interface)
  add('--limit-rate', options['limit-rate'])
  add('--retry', options.retry)
  add('--max-redirs', options['max-redirects'])
  add('--connect-timeout', options.timeout === undefined ? undefined : options.timeout / 1000)
  add('--output', output)
  return words
}

async function textOf(content: NonNullable<CommandRequest['content']>): Promise<string> {
  if (content.text !== undefined && content.coding === undefined) return content.text
  const chunks: Uint8Array[] = []
  let octets = 0
  for await (const chunk of octetsOf(content.body)) {
    chunks.push(chunk)
    octets += chunk.length
    if (octets > MAX_BODY) throw new UsageError('the body is too long to be put into code')
  }
  const whole = Buffer.concat(chunks)
  const text = whole.toString()
  if (!Buffer.from(text).equals(whole)) throw new UsageError('the body is not text, so it cannot be put into code')
  return text
}

function curl({ method, url, headers, body, follow }: Parts, more: readonly string[]): string {
  const words = ['curl']
  if (method === 'HEAD') words.push('--head')
  else if (method !== (body === undefined ? 'GET' : 'POST')) words.push(`--request ${shell(method)}`)
  if (follow) words.push('--location')
  // A field without a value needs a semicolon there.
  for (const [name, value] of headers) words.push(`--header ${shell(value === '' ? `${name};` : `${name}: ${value}`)}`)
  if (body !== undefined) words.push(`--data-raw ${shell(body)}`)
  words.push(...more, '--compressed', shell(url))
  return `${words.join(' \\\n  ')}\n`
}

function shell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

const CODE: Readonly<Record<string, (parts: Parts) => string>> = {
  axios: ({ method, url, headers, body, follow }) => `import axios from 'axios'
import { hyperAdapter } from 'hyper-transport/axios'

const client = axios.create({ adapter: hyperAdapter })
const response = await client.request(${literal({
    method,
    url,
    headers: Object.fromEntries(headers),
    data: body,
    maxRedirects: follow ? undefined : 0,
  })})
console.log(response.status, response.data)
`,
  got: ({ method, url, headers, body, follow }) => `import got from 'got'
import { hyperGot } from 'hyper-transport/got'

const client = got.extend(hyperGot())
const response = await client(${js(url)}, ${literal({
    method,
    headers: Object.fromEntries(headers),
    body,
    followRedirect: follow,
    throwHttpErrors: false,
  })})
console.log(response.statusCode, response.body)
`,
  fetch: ({ method, url, headers, body, follow }) => `import { fetch } from 'hyper-transport/fetch'

const response = await fetch(${js(url)}, ${literal({
    method,
    headers: Object.fromEntries(headers),
    body,
    redirect: follow ? undefined : 'manual',
  })})
console.log(response.status, await response.text())
`,
  undici: ({ method, url, headers, body }) => `import { request } from ${js('undici')}
import { HyperDispatcher } from 'hyper-transport/undici'

const dispatcher = new HyperDispatcher()
const { statusCode, body } = await request(${js(url)}, {
  dispatcher,
${literal({ method, headers: Object.fromEntries(headers), body }).slice(2, -2)}
})
console.log(statusCode, await body.text())
await dispatcher.close()
`,
}

function literal(value: object): string {
  const lines = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .map(
      ([name, one]) =>
        `  ${name}: ${typeof one === 'object' ? nested(one) : typeof one === 'string' ? js(one) : String(one)},`,
    )
  return `{\n${lines.join('\n')}\n}`
}

function nested(value: object): string {
  const lines = Object.entries(value).map(([name, one]) => `    ${js(name)}: ${js(String(one))},`)
  return lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n  }`
}

/** A string literal. */
function js(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${escaped.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`
}
