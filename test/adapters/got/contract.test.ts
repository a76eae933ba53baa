/** The contract of got's `request` hook, over both protocols: what is asked of the request, its socket and its response. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { types } from 'node:util'
import got, { type RequestError } from 'got'
import { hyperGot } from '../../../adapters/got.ts'
import { Pool } from '../../../src/index.ts'
import { certificateFor, testCertificate } from '../../support/certificate.ts'
import { runModule } from '../../support/child.ts'
import { type Answer, type Call, startH1Origin, startH2Origin } from '../../support/origin.ts'

/** What got asks of a socket. */
interface Socket extends EventEmitter {
  connecting: boolean
  writable: boolean
  remoteAddress: string
  encrypted: boolean
  authorized: boolean
  address(): { port: number }
}

/** What got asks of a request. */
interface NativeRequest extends EventEmitter {
  writable: boolean
  writableEnded: boolean
  writableFinished: boolean
  destroyed: boolean
  aborted: boolean
  reusedSocket: boolean
  res: IncomingMessage | undefined
  socket: Socket
  write(chunk: string, encoding: string, done: () => void): boolean
  end(chunk?: string, done?: () => void): void
  destroy(error?: Error): void
  abort(): void
  setTimeout(timeout: number, done: () => void): void
}

type Hook = (
  target: URL | object,
  options: object | undefined,
  callback?: (res: IncomingMessage) => void,
) => NativeRequest

/** The TLS connection that a call came by. */
function socketOf(call: Call): TLSSocket {
  return (
    call.protocol === 'h2'
      ? (call.body as ServerHttp2Stream).session?.socket
      : (call.body as unknown as IncomingMessage).socket
  ) as TLSSocket
}

/** Writes down the events of a request until it closes. */
function listen(request: NativeRequest): { heard: string[]; error: () => Error | undefined; closed: Promise<void> } {
  const heard: string[] = []
  let failure: Error | undefined
  for (const name of ['socket', 'finish', 'response', 'timeout', 'abort', 'close']) {
    request.on(name, () => heard.push(name))
  }
  request.on('error', (error: Error) => {
    heard.push('error')
    failure = error
  })
  const closed = new Promise<void>((resolve) => request.once('close', resolve))
  return { heard, error: () => failure, closed }
}

for (const [name, start, version] of [
  ['HTTP/2', startH2Origin, '2.0'],
  ['HTTP/1.1', startH1Origin, '1.1'],
] as const) {
  for (const shape of ['a URL, options', 'options with the parts of a URL'] as const) {
    test(`${name}: a request made of ${shape} and a callback: its properties and events`, async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const hook = hyperGot({ pool }).request as unknown as Hook
      const { protocol, hostname, port, pathname } = new URL(`${origin.origin}/echo`)
      const options = { method: 'POST', headers: { 'x-own': 'yes' } }
      let given: IncomingMessage | undefined
      const take = (res: IncomingMessage): void => {
        given = res
      }
      const request =
        shape === 'a URL, options'
          ? hook(new URL(`${origin.origin}/echo?a=1`), options, take)
          : (hook as (options: object, callback: typeof take) => NativeRequest)(
              { ...options, protocol, hostname, port, path: `${pathname}?a=1`, auth: 'u:p' },
              take,
            )
      const { heard, closed } = listen(request)
      const state = (): unknown[] => {
        const { writableEnded, writableFinished, destroyed, aborted } = request
        return [writableEnded, writableFinished, destroyed, aborted]
      }
      assert.deepEqual([request.writable, ...state(), request.res], [true, false, false, false, false, undefined])
      await new Promise<void>((resolve) => request.write('te', 'utf8', resolve))
      await new Promise<void>((resolve) => request.end('xt', resolve))
      assert.deepEqual(state(), [true, true, false, false])
      if (request.res === undefined) await once(request, 'response')
      const { res, socket } = request
      assert.ok(res !== undefined && res === given)
      const { req } = res as IncomingMessage & { req: unknown }
      assert.ok(req === request && (res.socket as unknown) === socket)
      assert.deepEqual(
        [res.statusCode, res.statusMessage, res.httpVersion, res.readableObjectMode, res.aborted],
        [200, 'OK', version, false, false],
      )
      assert.equal(types.isProxy(socket), false)
      assert.ok(socket instanceof EventEmitter && socket.address().port > 0)
      const { connecting, writable, remoteAddress, encrypted, authorized } = socket
      const told = [connecting, writable, remoteAddress, encrypted, authorized]
      assert.deepEqual(told, [false, true, '127.0.0.1', true, true])
      assert.equal(Buffer.concat(await res.toArray()).toString(), 'text')
      await closed
      assert.equal(res.complete, true)
      assert.deepEqual(heard, ['socket', 'finish', 'response', 'close'])
      assert.ok(Object.isExtensible(request) && Object.isExtensible(res))
      const [{ query, headers }] = origin.requests
      assert.equal(query.get('a'), '1')
      assert.equal(headers['authorization'], shape === 'a URL, options' ? undefined : `Basic ${btoa('u:p')}`)
    })
  }

  test(`${name}: a request that is destroyed, aborted or too slow: error before close, and which`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const hook = hyperGot({ pool }).request as unknown as Hook
    const reason = new Error('mine')
    for (const [end, events, code] of [
      [(request: NativeRequest) => request.destroy(reason), ['error', 'close'], undefined],
      [(request: NativeRequest) => request.destroy(), ['error', 'close'], 'ECONNRESET'],
      [(request: NativeRequest) => request.abort(), ['abort', 'error', 'close'], 'ECONNRESET'],
    ] as const) {
      const request = hook(new URL(`${origin.origin}/slow`), {})
      const { heard, error, closed } = listen(request)
      request.end()
      await once(request, 'finish')
      await new Promise<void>((resolve) => request.setTimeout(20, resolve))
      end(request)
      await closed
      assert.deepEqual(heard, ['socket', 'finish', 'timeout', ...events])
      const failure = error()
      assert.equal((failure as Error & { code?: string }).code, code)
      if (code === undefined) assert.equal(failure, reason)
      assert.equal(request.destroyed, true)
    }
  })

  test(`${name}: certificateAuthority, certificate, serverName, checkServerIdentity, rejectUnauthorized`, async () => {
    const { ca, clientCert, clientKey } = await testCertificate()
    const named = await certificateFor('named.test')
    const seen: unknown[] = []
    const routes = {
      '/who'(call: Call, answer: Answer): void {
        const socket = socketOf(call)
        seen.push([socket.servername, socket.getPeerCertificate().subject?.CN])
        answer.head(200)
        answer.end()
      },
    }
    const server = { cert: named.cert, key: named.key, requestCert: true, rejectUnauthorized: false, ca }
    await using origin = await start(routes, { server })
    await using pool = new Pool()
    const client = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
    const url = `${origin.origin}/who`
    const trusted = { certificateAuthority: named.ca }
    await client(url, { https: { ...trusted, serverName: 'named.test', certificate: clientCert, key: clientKey } })
    await client(url, { https: { ...trusted, checkServerIdentity: () => undefined } })
    await client(url, { https: { rejectUnauthorized: false } })
    assert.deepEqual(seen, [
      ['named.test', 'test client'],
      ['localhost', undefined],
      ['localhost', undefined],
    ])
    await assert.rejects(client(url, { https: trusted }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    await assert.rejects(client(url), (error: RequestError) => /CERT|VERIFY|SIGNATURE/.test(error.code))
  })

  test(`${name}: dnsLookup, dnsLookupIpVersion and localAddress`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca, servername: 'localhost' } })
    const client = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
    const asked: unknown[] = []
    const dnsLookup = (host: string, ...rest: unknown[]): void => {
      asked.push(host)
      const done = rest.at(-1) as (error: null, ...found: unknown[]) => void
      const [options] = rest as [{ all?: boolean }]
      if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }])
      else done(null, '127.0.0.1', 4)
    }
    const there = await client(`https://looked-up.test:${origin.port}/json`, { dnsLookup: dnsLookup as never })
    assert.deepEqual([there.ip, asked], ['127.0.0.1', ['looked-up.test']])
    const url = `${origin.origin}/json`
    assert.equal((await client(url, { dnsLookupIpVersion: 4, localAddress: '127.0.0.1' })).ip, '127.0.0.1')
    const nobody = client('https://nobody.test/', {
      dnsLookup: ((_host: string, ...rest: unknown[]) => {
        const done = rest.at(-1) as (error: Error) => void
        done(Object.assign(new Error('none'), { code: 'ENOTFOUND' }))
      }) as never,
    })
    await assert.rejects(nobody, { code: 'ENOTFOUND' })
  })

  test(`${name}: an answer that comes while the body is sent is taken, and the rest of the body dropped`, async () => {
    await using origin = await start({
      '/early'(_call, answer) {
        answer.head(200)
        answer.end('early')
      },
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const upload = new Readable({ read() {} })
    upload.push('begin')
    const stream = got.extend(hyperGot({ pool })).stream.post(`${origin.origin}/early`, { body: upload })
    const ended = once(stream, 'end')
    const answered = once(stream, 'response')
    stream.resume()
    await answered
    upload.push('more')
    upload.push(null)
    await ended
  })

  test(`${name}: 'upload-complete' is for got to tell, on the request that it was given`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const stream = got.extend(hyperGot({ pool })).stream.post(`${origin.origin}/echo`)
    const [request] = (await once(stream, 'request')) as [EventEmitter]
    let told = 0
    request.on('upload-complete', () => told++)
    stream.end('body')
    assert.equal(Buffer.concat(await stream.toArray()).toString(), 'body')
    assert.equal(told, 1)
  })

  test(`${name}: a port without a server is ECONNREFUSED, which got tries again`, async () => {
    const origin = await start()
    await origin.close()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    let tries = 0
    const client = got.extend(hyperGot({ pool }), {
      retry: { limit: 2, calculateDelay: ({ computedValue }) => (computedValue > 0 ? 1 : 0) },
      hooks: { beforeRequest: [() => void tries++] },
    })
    await assert.rejects(client(`${origin.origin}/json`), { name: 'RequestError', code: 'ECONNREFUSED' })
    assert.equal(tries, 3)
  })

  test(`${name}: an answer from the cache has kept its trailers' place, its address and its URL`, async () => {
    await using origin = await start({
      '/kept'(_call, answer) {
        answer.head(200, { 'cache-control': 'max-age=60', 'content-encoding': 'identity' })
        answer.end('kept')
      },
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const client = got.extend(hyperGot({ pool }), { cache: new Map() })
    const url = `${origin.origin}/kept?q=1`
    const first = await client(url, { headers: { 'x-own': 'yes' } })
    assert.deepEqual([first.isFromCache, first.url, first.ip], [false, url, '127.0.0.1'])
    const second = await client(url)
    assert.deepEqual([second.isFromCache, second.url, second.body, second.statusCode], [true, url, 'kept', 200])
    assert.equal(origin.requests[0].headers['x-own'], 'yes')
    assert.equal(origin.requests.length, 1)
  })

  test(`${name}: an idle connection keeps no process alive`, async () => {
    await using origin = await start()
    const script = `
      const { default: got } = await import('got')
      const { hyperGot } = await import(root + 'adapters/got.ts')
      const client = got.extend(hyperGot({ tls: { ca: process.env.CA } }), { timeout: { request: 60_000 } })
      console.log(JSON.stringify((await client(process.env.ORIGIN + '/json').json()).hello))`
    assert.equal(await runModule(script, { ORIGIN: origin.origin, CA: origin.ca }), 'world')
  })
}

test("createConnection is left to got's own transport", async () => {
  const { connect } = await import('node:tls')
  await using origin = await startH1Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  let made = 0
  const createConnection = (): TLSSocket => {
    made++
    return connect({ host: '127.0.0.1', port: origin.port, ca: origin.ca, servername: 'localhost' })
  }
  const client = got.extend(hyperGot({ pool }))
  assert.equal((await client(`${origin.origin}/json`, { createConnection } as object)).statusCode, 200)
  assert.deepEqual([made, pool.stats().connections], [1, 0])
})
