/** HTTP/1.1 servers that misbehave: broken bodies, smuggled responses, sockets that close as they are used again. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { Pool, type PoolOptions } from '../../src/index.ts'
import { Ledger, leavesNothing, type Outcome, watchProcess } from '../support/hostile-ledger.ts'
import { HostileServer } from '../support/hostile-server.ts'

watchProcess()

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Calls back with each request's path, bodies read past (they hold no empty line). */
function onRequests(socket: Socket, answer: (path: string, nth: number) => void): void {
  let text = ''
  let nth = 0
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    for (;;) {
      const match = /[A-Z]+ (\S+) HTTP\/1\.1\r\n(?:[^\r]+\r\n)*\r\n/.exec(text)
      if (match === null) return
      text = text.slice(match.index + match[0].length)
      answer(match[1], ++nth)
    }
  })
}

/** One request answered with these octets (then FIN, if said so), and another after it, which must get its own answer. */
async function ask(
  octets: string,
  { method = 'GET', end = false, ...options }: { method?: string; end?: boolean } & PoolOptions = {},
): Promise<Outcome & { next: Outcome; connections: number }> {
  await using server = await HostileServer.start({
    onSocket(socket) {
      onRequests(socket, (path) => {
        if (path === '/next') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext')
        else if (end) socket.end(octets, 'latin1')
        else socket.write(octets, 'latin1')
      })
    },
  })
  const pool = new Pool(options)
  const ledger = new Ledger()
  const outcome = await ledger.send(pool, { origin: server.origin, path: '/victim', method })
  const next = await ledger.send(pool, { origin: server.origin, path: '/next', method: 'POST', body: 'x' })
  await leavesNothing(pool, server, ledger)
  return { ...outcome, next, connections: server.sockets.length }
}

describe('a broken response ends its exchange, and the next request is answered', () => {
  const head = 'HTTP/1.1 200 OK\r\n'
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`
  const broken: readonly [string, string, boolean][] = [
    ['a body shorter than its length', `${head}Content-Length: 10\r\n\r\nhello`, true],
    ['no body in place of its length', `${head}Content-Length: 10\r\n\r\n`, true],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello`, false],
    ['two lengths in one field', `${head}Content-Length: 2, 5\r\n\r\nhello`, false],
    [
      'length and chunks',
      `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
      false,
    ],
    [
      'chunks and length',
      `${head}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
      false,
    ],
    ['a length that is none', `${head}Content-Length: two\r\n\r\nok`, false],
    ['a negative length', `${head}Content-Length: -2\r\n\r\nok`, false],
    ['a length beyond counting', `${head}Content-Length: ${'9'.repeat(30)}\r\n\r\nok`, false],
    ['a chunk size that is none', `${chunked}zz\r\nhello\r\n0\r\n\r\n`, false],
    ['a chunk size beyond counting', `${chunked}${'f'.repeat(20)}\r\nhello`, false],
    ['a chunk longer than its size', `${chunked}2\r\nhello\r\n0\r\n\r\n`, false],
    ['a negative chunk size', `${chunked}-1\r\nhello\r\n0\r\n\r\n`, false],
    ['chunks without the last', `${chunked}5\r\nhello\r\n`, true],
    ['the last chunk without its end', `${chunked}5\r\nhello\r\n0\r\n`, true],
    ['a field without a colon', `${head}no colon here\r\nContent-Length: 0\r\n\r\n`, false],
    ['a field name with a space', `${head}X A: b\r\nContent-Length: 0\r\n\r\n`, false],
    ['NUL in a field', `${head}X-A: b\0c\r\nContent-Length: 0\r\n\r\n`, false],
    ['CR alone in a field', `${head}X-A: b\rc\r\nContent-Length: 0\r\n\r\n`, false],
    ['a status that is none', 'HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n', false],
    ['another version', 'HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n', false],
    ['headers too large', `${head}X-Long: ${'x'.repeat(100_000)}\r\nContent-Length: 0\r\n\r\n`, false],
    ['headers too many and too large', `${head}${'X-A: b\r\n'.repeat(20_000)}\r\n`, false],
  ]
  for (const [name, octets, end] of broken) {
    test(name, async () => {
      const { code, next, connections, error } = await ask(octets, { end, method: 'POST' })
      assert.match(
        code,
        /^ERR_HYPER_(PROTOCOL|CONNECTION_LOST|RESPONSE_CONTENT_LENGTH|HEADERS_TOO_LARGE)$/,
        error?.message,
      )
      assert.deepEqual([next.code, next.body, connections], ['ok', 'next', 2])
    })
  }

  test('a body where there must be none is dropped, and the next request gets its own response', async () => {
    for (const status of ['204 No Content', '304 Not Modified']) {
      const { body, next } = await ask(`HTTP/1.1 ${status}\r\n\r\npoison`, { method: 'POST' })
      assert.equal(body, '')
      assert.deepEqual([next.code, next.body], ['ok', 'next'])
    }
  })
})

describe('octets after a response answer no request', () => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'

  test('together with it', async () => {
    const { body, next } = await ask(OK + poison, { method: 'POST' })
    assert.equal(body, 'ok')
    assert.notEqual(next.body, 'poison')
    assert.deepEqual([next.code, next.body], ['ok', 'next'])
  })

  test('octets after a response to HEAD, which has no body, answer no request', async () => {
    const { code, body, next } = await ask(OK, { method: 'HEAD' })
    assert.deepEqual([code, body], ['ok', ''])
    assert.deepEqual([next.code, next.body], ['ok', 'next'])
  })

  test('octets that arrive while the connection is idle answer no request', async () => {
    await using server = await HostileServer.start({
      onSocket: (socket) =>
        onRequests(socket, (path) => socket.write(OK.replace('2\r\n\r\nok', `${path.length}\r\n\r\n${path}`))),
    })
    const pool = new Pool()
    const ledger = new Ledger()
    assert.equal((await ledger.send(pool, { origin: server.origin, path: '/1' })).body, '/1')
    server.sockets[0].write(poison)
    await server.until(() => server.open === 0)
    assert.equal((await ledger.send(pool, { origin: server.origin, path: '/2', method: 'POST' })).body, '/2')
    assert.equal(server.sockets.length, 2)
    await leavesNothing(pool, server, ledger)
  })
})

describe('a connection that the server closes as it is used again', () => {
  for (const [how, close] of Object.entries({
    FIN: (socket: Socket) => socket.end(),
    RST: (socket: Socket) => socket.resetAndDestroy(),
  })) {
    test(`${how} on the second request: GET is saved, POST ends and is not sent twice`, async () => {
      const taken: string[] = []
      await using server = await HostileServer.start({
        onSocket: (socket) =>
          onRequests(socket, (path, nth) => {
            taken.push(path)
            if (nth === 2) close(socket)
            else socket.write(OK)
          }),
      })
      const pool = new Pool()
      const ledger = new Ledger()
      const request = { origin: server.origin, method: 'POST', body: 'x' }
      assert.equal((await ledger.send(pool, { ...request, path: '/1' })).code, 'ok')
      assert.equal((await ledger.send(pool, { origin: server.origin, path: '/get' })).code, 'ok')
      assert.equal((await ledger.send(pool, { ...request, path: '/lost' })).code, 'ERR_HYPER_CONNECTION_LOST')
      assert.equal((await ledger.send(pool, { ...request, path: '/4' })).code, 'ok')
      assert.deepEqual(taken, ['/1', '/get', '/get', '/lost', '/4'])
      await leavesNothing(pool, server, ledger)
    })

    test(`${how} while idle, at whatever moment: every GET is answered, no POST is taken twice`, async () => {
      const taken = new Map<string, number>()
      await using server = await HostileServer.start({
        onSocket: (socket) =>
          onRequests(socket, (path) => {
            taken.set(path, (taken.get(path) ?? 0) + 1)
            socket.write(OK, () => setImmediate(close, socket))
          }),
      })
      const pool = new Pool({ connections: 4 })
      const ledger = new Ledger()
      for (let round = 0; round < 25; round++) {
        const kinds = await Promise.all(
          ['GET', 'POST', 'GET', 'POST'].map(async (method, i) => ({
            method,
            path: `/${round}-${i}`,
            outcome: await ledger.send(pool, { origin: server.origin, path: `/${round}-${i}`, method }),
          })),
        )
        for (const { method, path, outcome } of kinds) {
          if (method === 'GET') assert.equal(outcome.code, 'ok', outcome.error?.message)
          else {
            assert.match(outcome.code, /^(ok|ERR_HYPER_CONNECTION_LOST)$/)
            assert.ok((taken.get(path) ?? 0) <= 1, `${path} was taken ${taken.get(path)} times`)
          }
        }
      }
      await leavesNothing(pool, server, ledger)
    })
  }
})
