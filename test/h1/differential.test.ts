/**
 * Our engine against Node's own parser: random messages, and messages with octets put in, taken out or changed, are read by
 * node:http over a real connection and by us. Both take them or neither does, and both understand the same, but for what
 * the tables below list.
 */
import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { fc, runs } from '../support/property.ts'
import { type Mutation, mutate, mutation, request, response } from './corpus.ts'
import { NodeClient, NodeServer, ourClient, ourServer, type Understood } from './differential.ts'
import { answered, asked, GET } from './support.ts'

interface Difference {
  readonly what: string
  readonly why: string
  /** Who takes the message. When both do, they understand it differently. */
  readonly taker: 'node' | 'we' | 'both'
  /** Is it this difference? `fault`: what we say is wrong with it; '' when nothing is. */
  readonly holds: (text: string, fault: string) => boolean
}

const CODED_IN_1_0: Difference = {
  what: 'transfer-encoding in HTTP/1.0',
  why: 'RFC 9112 section 6.1: the framing is faulty, for a recipient of HTTP/1.0 between us did not see it',
  taker: 'node',
  holds: (_text, fault) => fault.includes('an HTTP/1.0 message has a transfer-encoding'),
}
const EXTENSIONS: Difference = {
  what: 'chunk extensions that are no tokens',
  why: 'nobody reads them; what could end one early, CR and LF, is refused by both',
  taker: 'we',
  holds: (text) => /[\da-f];[\t\x20-\x7e\x80-\xff]*\r\n/i.test(text),
}

const TAB: Omit<Difference, 'taker'> = {
  what: 'a tab behind "chunked"',
  why: 'RFC 9110 section 5.5: it is no part of the value, and for Node it is',
  holds: (text) => /\ntransfer-encoding:[^\r\n]*chunked *\t/i.test(text),
}

const RESPONSES: readonly Difference[] = [
  CODED_IN_1_0,
  EXTENSIONS,
  { ...TAB, taker: 'both' },
  {
    what: 'empty lines before a response',
    why: 'RFC 9112 section 2.2 grants them to requests only; after a response they are octets without a request',
    taker: 'node',
    holds: (text) => /^[\r\n]|\r\n\r\n[\r\n]+HTTP/.test(text),
  },
  {
    what: 'a transfer-encoding that is not chunked',
    why: 'nobody decodes it, so its octets would be taken for the content; node:http reads them to the end',
    taker: 'node',
    holds: (_text, fault) => fault.includes('its transfer-encoding is'),
  },
  {
    what: 'control characters in the reason',
    why: 'RFC 9112 section 4 has none there, and reasons end up in logs',
    taker: 'node',
    holds: (text, fault) =>
      fault.includes('its status line is "HTTP/1.') &&
      /HTTP\/1\.\d \d{3} ?[^\r\n]*?[\0-\x08\x0b-\x1f\x7f\r]/.test(text),
  },
  {
    what: 'an informational response of HTTP/1.0',
    why: 'it is not the last message: the final response says whether the connection lives on',
    taker: 'we',
    holds: (text) => /^HTTP\/1\.0 1\d\d/.test(text),
  },
  {
    what: 'versions other than 1.0 and 1.1',
    why: 'nobody speaks them in this way',
    taker: 'node',
    holds: (_text, fault) => /its status line is "HTTP\/(?:0\.9|2\.0) /.test(fault),
  },
]

const REQUESTS: readonly Difference[] = [
  {
    what: 'codings before chunked, and empty members beside it',
    why: 'nobody decodes them, and who reads the list otherwise finds another end of the message',
    taker: 'node',
    holds: (_text, fault) => fault.includes('its transfer-encoding is'),
  },
  CODED_IN_1_0,
  EXTENSIONS,
  { ...TAB, taker: 'we' },
  {
    what: 'hosts that are none, or two',
    why: 'RFC 9112 section 3.2 asks a server to answer 400: proxies and origins must not choose differently',
    taker: 'node',
    holds: (_text, fault) => /its host is|more than one host/.test(fault),
  },
  {
    what: 'a fragment in a target, and targets that have none of the four forms',
    why: 'RFC 9112 section 3.2: what is before and behind us may take another part of it for the path',
    taker: 'node',
    holds: (_text, fault) => fault.includes('its target is'),
  },
  {
    what: 'HTTP/0.9, and HTTP/2.0 without HTTP/2',
    why: 'nobody speaks them in this way',
    taker: 'node',
    holds: (text, fault) => fault.includes('its version is') || /^\s*\S+ +\S+ *\r?\n/.test(text),
  },
  {
    what: 'more than one space between the parts of a request line',
    why: 'RFC 9112 section 3 has one; who splits at each and who does not find different targets',
    taker: 'node',
    holds: (text, fault) => fault.includes('its request line is') && /^\s*\S+ +\S+ +HTTP/.test(text),
  },
  {
    what: 'CR or LF alone before a request',
    why: 'RFC 9112 section 2.2 grants empty lines, and those end in CR LF',
    taker: 'node',
    holds: (text) => /^(?:\r\n)*(?:\r(?!\n)|\n)/.test(text),
  },
  {
    what: 'methods that Node does not know',
    why: 'a method is any token (RFC 9110 section 9.1)',
    taker: 'we',
    holds: (text) => !METHODS.includes(text.trimStart().split(' ')[0]),
  },
  {
    what: 'octets beyond ASCII, and schemes other than letters, in a target',
    why: 'clients send them, and servers read them as they please',
    taker: 'we',
    holds: (text) =>
      /^\s*\S+ [^ ]*(?:[\x80-\xff]| |\w[\d+.-]+\w*:\/\/)/.test(text) || /^\s*\S+ [a-z]*[\d+.-]/i.test(text),
  },
]

function check(
  differences: readonly Difference[],
  text: string,
  node: Understood | undefined,
  we: Understood | undefined,
  fault: string,
): void {
  if (isDeepStrictEqual(node, we)) return
  const taker = we === undefined ? 'node' : node === undefined ? 'we' : 'both'
  if (differences.some((one) => one.taker === taker && one.holds(text, fault))) return
  assert.deepEqual(we, node, `${JSON.stringify(text)}: ${fault}`)
}

const untouched = fc.constant<readonly Mutation[]>([])
const touched = fc.array(mutation, { minLength: 1, maxLength: 2 })

for (const [name, mutations, count] of [
  ['as it is', untouched, 200],
  ['with octets changed', touched, 500],
] as const) {
  test(`a response, ${name}, is understood as node:http understands it`, async () => {
    await using node = await new NodeClient().start()
    await fc.assert(
      fc.asyncProperty(response, mutations, async (whole, changes) => {
        const text = mutate(whole, changes)
        const fault = answered(text, GET, true).error?.message ?? ''
        check(RESPONSES, text, await node.read(text), ourClient(text), fault)
      }),
      runs(count),
    )
  })

  test(`a request, ${name}, is understood as node:http understands it`, async () => {
    await using node = await new NodeServer().start()
    await fc.assert(
      fc.asyncProperty(request, mutations, async (whole, changes) => {
        const text = mutate(whole, changes)
        const fault = asked(text).error?.message ?? ''
        check(REQUESTS, text, await node.read(text), ourServer(text), fault)
      }),
      runs(count),
    )
  })
}
