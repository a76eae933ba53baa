/** HTTP/1.1 in memory, in both roles: no sockets, no event loop. Small JSON under a head of 20 fields. */
import { Buffer } from 'node:buffer'
import { pathToFileURL } from 'node:url'
import {
  H1ClientConnection,
  type H1ClientListener,
  type H1RequestInit,
  H1ServerConnection,
  type H1ServerListener,
} from '../src/h1/index.ts'
import type { FieldList } from '../src/headers/fields.ts'

const FIELDS: FieldList = [
  ...['Date', 'Sat, 28 Nov 2026 00:42:00 GMT', 'Content-Type', 'application/json; charset=utf-8'],
  ...['Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'Server', 'nginx/1.25.3', 'Vary', 'Accept-Encoding'],
  ...['ETag', 'W/"1b-abcdefghijklmnop"', 'Cache-Control', 'no-cache, no-store, must-revalidate'],
  ...['X-Request-Id', '2b9c7b1e-6b1f-4c55-9c34-0d1ac3bd1f6e', 'X-Powered-By', 'Express'],
  ...['X-Frame-Options', 'SAMEORIGIN', 'X-Content-Type-Options', 'nosniff', 'X-XSS-Protection', '0'],
  ...['Strict-Transport-Security', 'max-age=15552000; includeSubDomains', 'Access-Control-Allow-Origin', '*'],
  ...['Access-Control-Allow-Credentials', 'true', 'Referrer-Policy', 'no-referrer', 'X-Download-Options', 'noopen'],
  ...['X-Ratelimit-Remaining', '99'],
]
/** What a program sends with each request: as many fields as browsers and SDKs do. */
const SENT: FieldList = [
  ...[
    'host',
    'api.example.com',
    'User-Agent',
    'program/1.0 (linux; x64)',
    'Accept',
    'application/json, text/plain, */*',
  ],
  ...['Accept-Language', 'en-GB,en;q=0.9', 'Accept-Encoding', 'gzip, deflate, br', 'Content-Type', 'application/json'],
  ...['Authorization', 'Bearer abcdefghijklmnopqrstuvwxyz0123456789', 'Cache-Control', 'no-cache', 'X-Request-Id', '0'],
  ...['Origin', 'https://example.com', 'Referer', 'https://example.com/page/1', 'Cookie', 'session=0123456789abcdef'],
  ...['X-Api-Version', '2026-01-01', 'X-Api-Key', '0123456789abcdef'],
]
const BODY = Buffer.from('{"id":1,"name":"something small"}')
const REQUEST: H1RequestInit = {
  method: 'GET',
  target: '/small',
  fields: ['host', 'localhost', 'accept', '*/*', 'user-agent', 'bench'],
  bodyLength: 0,
}

/** How often a second the work can be done: the fastest of its turns, which is the one least disturbed. */
function perSecond(milliseconds: number, work: () => number): number {
  let best = 0
  for (let turn = 0; turn < 6; turn++) {
    let done = 0
    const start = performance.now()
    while (performance.now() - start < milliseconds / 5) done += work()
    best = Math.max(best, (done / (performance.now() - start)) * 1000)
  }
  return best
}

class Client implements H1ClientListener {
  readonly h1 = new H1ClientConnection(this, { validateOutbound: false })
  finished = 0
  onInformational(): void {}
  onHeaders(): void {}
  onData(): void {}
  onEnd(): void {
    this.finished++
  }
  onUpgraded(): void {}
  onFailed(error: Error): void {
    throw error
  }
}

/** Responses, in turn, each to a request of its own. */
export function responses(milliseconds: number, octets: readonly Buffer[]): number {
  const client = new Client()
  let turn = 0
  return perSecond(milliseconds, () => {
    const before = client.finished
    for (let i = 0; i < 100; i++) {
      client.h1.request(REQUEST)
      client.h1.receive(octets[turn++ % octets.length])
    }
    return client.finished - before
  })
}

const NO_CONTENT = Buffer.from('HTTP/1.1 204 No Content\r\n\r\n')

/** Requests of 14 fields, written as octets; in each a list of its own. @param numbered does one field change? */
function requests(milliseconds: number, numbered: boolean): number {
  const client = new Client()
  const octets = Buffer.alloc(4096)
  let turn = 0
  return perSecond(milliseconds, () => {
    for (let i = 0; i < 100; i++) {
      const fields = SENT.slice()
      if (numbered) fields[17] = String(turn++)
      octets.write(client.h1.request({ method: 'GET', target: '/items/1', fields, bodyLength: 0 }), 'latin1')
      client.h1.receive(NO_CONTENT)
    }
    return 100
  })
}

/** One after the other, a client and a server carry whole exchanges. */
function exchanges(milliseconds: number): number {
  const client = new Client()
  const listener: H1ServerListener = {
    onRequest() {},
    onData() {},
    onEnd() {
      const head = server.respond({ status: 200, reason: 'OK', fields: FIELDS, bodyLength: BODY.length })
      answer = Buffer.concat([Buffer.from(head, 'latin1'), BODY])
      server.data(BODY)
      server.end()
    },
    onFailed(error) {
      throw error
    },
  }
  const server = new H1ServerConnection(listener, { validateOutbound: false })
  let answer = BODY
  return perSecond(milliseconds, () => {
    server.receive(Buffer.from(client.h1.request(REQUEST), 'latin1'))
    client.h1.receive(answer)
    server.next()
    return 1
  })
}

/** The same head again and again; only its date changes; no two heads are alike. */
export function messages(kind: 'same' | 'dated' | 'different'): Buffer[] {
  return Array.from({ length: kind === 'same' ? 1 : 5000 }, (_, nth) => {
    let text = 'HTTP/1.1 200 OK\r\n'
    for (let i = 0; i < FIELDS.length; i += 2) {
      const changes = kind === 'different' && FIELDS[i] === 'X-Request-Id'
      text += `${FIELDS[i]}: ${changes ? `${String(nth).padStart(8, '0')}${FIELDS[i + 1].slice(8)}` : FIELDS[i + 1]}\r\n`
    }
    if (kind === 'dated') text = text.replace('00:42:00', `00:42:${String(Math.floor(nth / 100)).padStart(2, '0')}`)
    return Buffer.concat([Buffer.from(`${text}Content-Length: ${BODY.length}\r\n\r\n`, 'latin1'), BODY])
  })
}

const chunked = Buffer.from(
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${`400\r\n${'x'.repeat(1024)}\r\n`.repeat(16)}0\r\n\r\n`,
)

export function run(milliseconds = 1000): void {
  const say = (what: string, rate: number): void =>
    console.log(`  ${what.padEnd(44)} ${Math.round(rate).toLocaleString('en').padStart(12)} a second`)
  say('responses read, all heads the same', responses(milliseconds, messages('same')))
  say('responses read, dates change', responses(milliseconds, messages('dated')))
  say('responses read, each head another', responses(milliseconds, messages('different')))
  say('responses read, 16 chunks of 1 KiB', responses(milliseconds, [chunked]))
  say('requests of 14 fields written', requests(milliseconds, false))
  say('requests of 14 fields written, one changes', requests(milliseconds, true))
  say('exchanges, both ends', exchanges(milliseconds))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) run()
