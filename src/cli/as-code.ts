/** --curl and --code: the same request for somebody else to send. */
import { octetsOf } from './body.ts'
import { UsageError } from './failures.ts'
import type { CommandRequest } from './request.ts'
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

/** @param how curl, or a library. @throws {UsageError} when the body is not text at hand. */
export async function asCode(request: CommandRequest, how: string, follow: boolean): Promise<string> {
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
  const parts: Parts = { method, url: url.href, headers: fields, body, follow }
  return how === 'curl' ? curl(parts) : (CODE[how]?.(parts) ?? '')
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
  if (!Buffer.from(text).equals(whole)) throw new UsageError('the body is no text, and cannot be put into code')
  return text
}

function curl({ method, url, headers, body, follow }: Parts): string {
  const words = ['curl']
  if (method === 'HEAD') words.push('--head')
  else if (method !== (body === undefined ? 'GET' : 'POST')) words.push(`--request ${shell(method)}`)
  if (follow) words.push('--location')
  // A field without a value needs a semicolon there.
  for (const [name, value] of headers) words.push(`--header ${shell(value === '' ? `${name};` : `${name}: ${value}`)}`)
  if (body !== undefined) words.push(`--data-raw ${shell(body)}`)
  words.push('--compressed', shell(url))
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
