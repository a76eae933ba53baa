/** What each library is asked to do, and how the answer is checked. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Library, Reply } from './libraries.ts'
import { type DemoOrigin, largeHash } from './origins.ts'

/** What the table shows of a scenario that came out right. */
export interface Outcome {
  readonly status: number | string
  readonly protocol: string
  readonly bytes: number
  readonly trailer: string | null | undefined
}

export interface Scenario {
  readonly name: string
  run(library: Library, origin: DemoOrigin): Promise<Outcome>
}

const UPLOAD = 8 * 1024 * 1024

export const scenarios: readonly Scenario[] = [
  {
    name: 'GET JSON',
    async run(library, { url }) {
      const reply = await library.get(`${url}/json`)
      assert.deepEqual(JSON.parse(reply.body.toString()), { hello: 'world' })
      return shown(reply)
    },
  },
  {
    name: 'POST JSON',
    async run(library, { url, title }) {
      const value = { text: 'ünïcode', list: [1, 2, 3] }
      assert.deepEqual(await library.postJson(`${url}/echo`, value), value)
      return { status: 200, protocol: protocolOf(title), bytes: JSON.stringify(value).length, trailer: undefined }
    },
  },
  {
    name: 'streamed upload',
    async run(library, { url }) {
      const octets = randomBytes(UPLOAD)
      const pieces = Array.from({ length: 128 }, (_, index) => octets.subarray(index * 65_536, (index + 1) * 65_536))
      const reply = await library.upload(`${url}/upload`, Readable.from(pieces, { objectMode: false }))
      const sha256 = createHash('sha256').update(octets).digest('hex')
      assert.deepEqual(JSON.parse(reply.body.toString()), { bytes: UPLOAD, sha256 })
      return { ...shown(reply), bytes: UPLOAD }
    },
  },
  {
    name: 'streamed download',
    async run(library, { url, title }) {
      const hash = createHash('sha256')
      let bytes = 0
      const status = await library.download(`${url}/large`, (chunk) => {
        bytes += chunk.length
        hash.update(chunk)
      })
      assert.equal(hash.digest('hex'), largeHash)
      return { status, protocol: protocolOf(title), bytes, trailer: undefined }
    },
  },
  {
    name: 'trailers',
    async run(library, { url }) {
      const reply = await library.get(`${url}/trailers`)
      assert.equal(reply.body.toString(), 'body with a trailer')
      if (reply.trailer !== null) assert.equal(reply.trailer, 'f00d')
      return { ...shown(reply), trailer: reply.trailer }
    },
  },
  {
    name: 'gzip body',
    async run(library, { url }) {
      const reply = await library.get(`${url}/gzip`)
      assert.match(reply.body.toString(), /^(?:All happy families are alike\. ){500}$/)
      return shown(reply)
    },
  },
  {
    name: '100 at once',
    async run(library, { url }) {
      const replies = await Promise.all(Array.from({ length: 100 }, () => library.get(`${url}/json`)))
      for (const reply of replies) assert.deepEqual(JSON.parse(reply.body.toString()), { hello: 'world' })
      return { ...shown(replies[0]), bytes: replies.reduce((sum, { body }) => sum + body.length, 0) }
    },
  },
  {
    name: 'abort',
    async run(library, { url, title }) {
      const controller = new AbortController()
      const pending = library.get(`${url}/never`, controller.signal)
      setTimeout(() => controller.abort(), 20)
      const error = await pending.then(
        () => assert.fail('it was answered'),
        (reason: unknown) => reason,
      )
      assert.ok(library.isAbort(error), `not an abort: ${String(error)}`)
      return { status: 'aborted', protocol: protocolOf(title), bytes: 0, trailer: undefined }
    },
  },
]

function shown({ status, protocol, body }: Reply): Outcome {
  return { status, protocol, bytes: body.length, trailer: undefined }
}

function protocolOf(title: string): string {
  return title.startsWith('HTTP/2') ? 'h2' : 'http/1.1'
}
