/** The AWS SDK's own S3 client over our transport, against an origin that plays S3. */
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { HyperRequestHandler } from '../../../adapters/aws.ts'
import { Pool } from '../../../src/index.ts'
import { rejection } from '../../support/exchange.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

/** A GET without the SDK. */
function get(handler: HyperRequestHandler, origin: TestOrigin): ReturnType<HyperRequestHandler['handle']> {
  const request = { method: 'GET', protocol: 'https:', hostname: 'localhost', path: '/', headers: {} }
  return handler.handle({ ...request, port: origin.port })
}

/** Objects by path; the body of a PUT as it came. */
function playS3(): Routes {
  const objects = new Map<string, string>()
  let failures = 0
  return {
    '*': async (call, answer) => {
      const { method, path } = call
      if (path.endsWith('/flaky') && failures++ < 1) return answer.reset(7)
      if (path.endsWith('/slow')) return
      if (method === 'PUT') {
        objects.set(path, await text(call.body))
        answer.head(200, { etag: '"e"' })
        answer.end()
      } else if (method === 'GET' && call.query.has('list-type')) {
        answer.head(200, { 'content-type': 'application/xml' })
        answer.end(
          `<ListBucketResult><Name>b</Name><Prefix>${call.query.get('prefix') ?? ''}</Prefix></ListBucketResult>`,
        )
      } else if (method === 'DELETE') {
        objects.delete(path)
        answer.head(204)
        answer.end()
      } else {
        const found = path.endsWith('/flaky') ? 'at last' : objects.get(path)
        answer.head(found === undefined ? 404 : 200, {
          'content-length': found?.length ?? 0,
          'x-amz-meta-protocol': call.protocol,
        })
        answer.end(method === 'HEAD' ? undefined : found)
      }
    },
  }
}

type Started = TestOrigin<never>

const kinds: [string, () => Promise<Started>, string][] = [
  ['an HTTP/2 endpoint', () => startH2Origin(playS3()) as Promise<Started>, 'h2'],
  ['an HTTP/1.1 endpoint', () => startH1Origin(playS3()) as Promise<Started>, 'http/1.1'],
]

function clientFor(origin: Started, requestHandler: HyperRequestHandler, maxAttempts = 3): S3Client {
  return new S3Client({
    region: 'us-east-1',
    endpoint: origin.origin,
    forcePathStyle: true,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    // One of the types of the SDK's own handlers; by its members it is one.
    requestHandler: requestHandler as never,
    maxAttempts,
  })
}

for (const [kind, start, protocol] of kinds) {
  const startWith = protocol === 'h2' ? startH2Origin : startH1Origin
  describe(`the AWS SDK, with ${kind}`, () => {
    test('puts, gets, lists and deletes objects', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = clientFor(origin, new HyperRequestHandler({ pool }))
      await client.send(new PutObjectCommand({ Bucket: 'b', Key: 'a key/with ü', Body: 'hello, world' }))
      const got = await client.send(new GetObjectCommand({ Bucket: 'b', Key: 'a key/with ü' }))
      assert.match((await got.Body?.transformToString()) ?? '', /hello, world/)
      assert.deepEqual(got.Metadata, { protocol })
      const list = await client.send(new ListObjectsV2Command({ Bucket: 'b', Prefix: "it's (1)*" }))
      assert.equal(list.Prefix, "it's (1)*")
      await client.send(new DeleteObjectCommand({ Bucket: 'b', Key: 'a key/with ü' }))
      const missing = await rejection(client.send(new HeadObjectCommand({ Bucket: 'b', Key: 'a key/with ü' })))
      assert.equal(missing.name, 'NotFound')
    })

    test('a reset of the peer is tried again by the SDK', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = clientFor(origin, new HyperRequestHandler({ pool }))
      const got = await client.send(new GetObjectCommand({ Bucket: 'b', Key: 'flaky' }))
      assert.equal(await got.Body?.transformToString(), 'at last')
    })

    test('a request that takes too long is a TimeoutError', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = clientFor(origin, new HyperRequestHandler({ pool, requestTimeout: 50 }), 1)
      const error = await rejection(client.send(new GetObjectCommand({ Bucket: 'b', Key: 'slow' })))
      assert.equal(error.name, 'TimeoutError')
    })

    test('the time of a request ends with the head of its response: a body that flows is not cut', async () => {
      let requestTimeout = 100
      await using origin = await startWith({
        '*'(_call, answer) {
          answer.head(200)
          let left = 5
          const timer = setInterval(() => {
            answer.write('x')
            if (--left > 0) return
            clearInterval(timer)
            answer.end()
          }, requestTimeout * 0.4)
        },
      })
      await using pool = new Pool({ tls: { ca: origin.ca } })
      /** On a slow machine more time is needed for the head. */
      const begun = (): ReturnType<typeof get> =>
        get(new HyperRequestHandler({ pool, requestTimeout }), origin).catch((error: unknown) => {
          requestTimeout *= 4
          if (requestTimeout > 10_000) throw error
          return begun()
        })
      const { response } = await begun()
      assert.equal(await text(response.body), 'xxxxx')
    })

    test('a body that breaks off without a listener does not end the process, and its later reader gets the error', async () => {
      await using origin = await startWith({
        '*'(_call, answer) {
          answer.head(200, { 'content-length': 100 })
          answer.write('begin')
          setTimeout(() => answer.cut(), 10)
        },
      })
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const { response } = await get(new HyperRequestHandler({ pool }), origin)
      await new Promise((resolve) => setTimeout(resolve, 60))
      await assert.rejects(text(response.body), { code: 'ECONNRESET' })
    })

    test('an abort is an AbortError, before and while it runs', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = clientFor(origin, new HyperRequestHandler({ pool }), 1)
      const slow = new GetObjectCommand({ Bucket: 'b', Key: 'slow' })
      const before = await rejection(client.send(slow, { abortSignal: AbortSignal.abort() }))
      assert.equal(before.name, 'AbortError')
      const controller = new AbortController()
      const running = client.send(slow, { abortSignal: controller.signal })
      while (origin.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      controller.abort()
      assert.equal((await rejection(running)).name, 'AbortError')
    })
  })
}

describe('HyperRequestHandler', () => {
  const request = { method: 'GET', protocol: 'https:', hostname: 'localhost', path: '/', headers: {} }

  test('an endpoint that is not there has the code that the SDK tries again', async () => {
    const origin = await startH2Origin()
    await origin.close()
    const handler = new HyperRequestHandler({ connectTimeout: 1000 })
    const error = await rejection(handler.handle({ ...request, port: origin.port }))
    assert.equal(error.code, 'ECONNREFUSED')
    handler.destroy()
  })

  test('HyperRequestHandler gives trailers with the body, once it has ended', async () => {
    await using origin = await startH2Origin()
    const handler = new HyperRequestHandler({ tls: { ca: origin.ca } })
    const { response } = await handler.handle({ ...request, port: origin.port, path: '/trailers' })
    assert.deepEqual(response.body.trailers, {})
    await text(response.body)
    assert.ok(Object.keys(response.body.trailers).length > 0)
    handler.destroy()
  })

  test('a body that is not read to its end is given up, and the connection lives', async () => {
    await using origin = await startH2Origin()
    const handler = new HyperRequestHandler({ tls: { ca: origin.ca } })
    const { response } = await handler.handle({ ...request, port: origin.port, path: '/bytes/1000000' })
    response.body.destroy()
    const again = await handler.handle({ ...request, port: origin.port, path: '/bytes/3' })
    assert.equal((await text(again.response.body)).length, 3)
    assert.equal(origin.connections, 1)
    handler.destroy()
  })

  test('a body of any view is sent as its octets', async () => {
    await using origin = await startH2Origin()
    const handler = new HyperRequestHandler({ tls: { ca: origin.ca } })
    const { buffer } = Uint8Array.from(Buffer.from('<inside>'))
    for (const view of [new DataView(buffer, 1, 6), new Uint16Array(buffer, 2, 2), new Uint8Array(buffer, 1, 6)]) {
      const body = view as Uint8Array
      const put = { ...request, method: 'PUT', port: origin.port, path: '/echo', body }
      const { response } = await handler.handle(put)
      assert.equal(await text(response.body), view instanceof Uint16Array ? 'nsid' : 'inside')
    }
    handler.destroy()
  })

  test('options that the SDK sets later, and those it asks for', () => {
    const handler = HyperRequestHandler.create({ requestTimeout: 5 })
    handler.updateHttpClientConfig('requestTimeout', 7)
    assert.equal(handler.httpHandlerConfigs().requestTimeout, 7)
    assert.equal(HyperRequestHandler.create(handler), handler)
  })
})
