/** Extensions other than permessage-deflate, beside it and without it. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { deflateSettings } from '../../src/websocket/agreement.ts'
import { CloseCode } from '../../src/websocket/codes.ts'
import {
  acceptConnect,
  connectRequest,
  type ExtensionParameter,
  LocalProtocolError,
  RemoteProtocolError,
  readConnectRequest,
  readConnectResponse,
  type WebSocketExtension,
  WSConnection,
  type WSConnectionOptions,
} from '../../src/websocket/index.ts'
import { PermessageDeflate } from '../../src/websocket/permessage-deflate.ts'
import { after, events, failed, frame, messages, opened, PLAIN } from './pair.ts'

/** Adds a number to each octet. */
class Shift implements WebSocketExtension {
  readonly name: string
  readonly rsv: number
  by: number
  readonly seen: string[] = []

  constructor(by: number, rsv = 2, name = 'x-shift') {
    this.by = by
    this.rsv = rsv
    this.name = name
  }

  offer(): string {
    return `by=${this.by}`
  }

  accept(parameters: readonly ExtensionParameter[]): string | null {
    const by = Number(new Map(parameters).get('by'))
    if (!(by > 0)) return null
    this.by = by
    return `by=${by}; fine`
  }

  confirm(parameters: readonly ExtensionParameter[]): void {
    if (new Map(parameters).get('by') === String(this.by)) return
    throw new RemoteProtocolError('it shifts by something else', CloseCode.PROTOCOL_ERROR)
  }

  wants(octets: number, whole: boolean): boolean {
    this.seen.push(`${octets} ${whole}`)
    return octets > 3
  }

  encode(octets: Uint8Array, last: boolean): Uint8Array {
    this.seen.push(`${octets.length} ${last ? 'last' : 'more'}`)
    return octets.map((one) => one + this.by)
  }

  decode(payload: Uint8Array, _limit: number): Uint8Array {
    return payload.map((one) => one - this.by)
  }
}

/** Both ends of a connection, after a handshake of HTTP/1.1. */
function connected(
  mine: Partial<WSConnectionOptions>,
  theirs: Partial<WSConnectionOptions>,
): readonly [client: WSConnection, server: WSConnection, offered: string] {
  const client = new WSConnection({ role: 'client', ...mine })
  const server = new WSConnection({ role: 'server', ...theirs })
  server.receive(client.send({ type: 'request', host: 'a', target: '/' }))
  const [request] = events(server)
  assert.ok(request?.type === 'request')
  client.receive(server.send({ type: 'accept' }))
  assert.equal(events(client)[0]?.type, 'accept')
  return [client, server, request.extensions]
}

describe('an extension', () => {
  it('an extension is offered, accepted, and changes messages under its reserved bit, in both directions', () => {
    const mine = new Shift(5)
    const [client, server, offered] = connected({ extensions: [mine] }, { extensions: [new Shift(1)] })
    assert.equal(offered, 'x-shift; by=5')
    assert.deepEqual(client.agreement, { subprotocol: undefined, deflate: null, extensions: [mine] })
    const octets = client.send({ type: 'bytes', data: Buffer.from('abcd') })
    assert.equal(octets[0], 0x80 | 0x20 | 2)
    assert.deepEqual(messages(after(server, octets)), [Buffer.from('abcd')])
    const answer = server.send({ type: 'text', data: 'grüße' })
    assert.ok(!Buffer.from(answer).includes('gr'))
    assert.deepEqual(messages(after(client, answer)), ['grüße'])
  })

  it('an extension leaves alone what it does not want, and is asked once a message', () => {
    const mine = new Shift(5)
    const [client, server] = connected({ extensions: [mine] }, { extensions: [new Shift(1)] })
    const short = client.send({ type: 'text', data: 'abc' })
    assert.equal(short[0], 0x81)
    assert.deepEqual(messages(after(server, short)), ['abc'])
    const pieces = [
      client.send({ type: 'text', data: 'long', messageFinished: false }),
      client.send({ type: 'ping', payload: Buffer.from('p') }),
      client.send({ type: 'text', data: '!' }),
    ]
    assert.deepEqual(
      pieces.map(([first]) => first),
      [0x21, 0x89, 0x80],
    )
    assert.deepEqual(messages(after(server, ...pieces)), ['long!'])
    assert.deepEqual(mine.seen, ['3 true', '4 false', '4 more', '1 last'])
  })

  it('stands beside compression: what is sent passes them in the order of the answer, what comes in the reverse', () => {
    const [client, server, offered] = connected(
      { deflate: true, extensions: [new Shift(1)] },
      { deflate: { threshold: 0 }, extensions: [new Shift(9)] },
    )
    assert.equal(offered, 'permessage-deflate; client_max_window_bits, x-shift; by=1')
    assert.equal(client.agreement?.deflate?.serverMaxWindowBits, 15)
    assert.equal(client.agreement?.extensions?.length, 2)
    const data = 'again and again. '.repeat(50)
    const octets = client.send({ type: 'text', data })
    assert.equal(octets[0], 0x81 | 0x40 | 0x20)
    assert.ok(octets.length < 100)
    assert.deepEqual(messages(after(server, octets)), [data])
    // Compressed, and too short then to be shifted.
    const short = server.send({ type: 'text', data: '' })
    assert.deepEqual(messages(after(client, short)), [''])
  })

  it('an extension that has no reserved bit changes every message', () => {
    const [client, server] = connected({ extensions: [new Shift(1, 0)] }, { extensions: [new Shift(1, 0)] })
    const octets = client.send({ type: 'text', data: 'a' })
    assert.equal(octets[0], 0x81)
    assert.deepEqual(messages(after(server, octets)), ['a'])
  })

  it('an extension without wants() changes every message, and marks it', () => {
    const every = (): WebSocketExtension => Object.assign(new Shift(1, 1), { wants: undefined })
    const [client, server] = connected({ extensions: [every()] }, { extensions: [every()] })
    const octets = client.send({ type: 'text', data: 'a' })
    assert.equal(octets[0], 0x91)
    assert.deepEqual(messages(after(server, octets)), ['a'])
  })

  it('an extension that the server declines or does not know is not used', () => {
    for (const extensions of [[], [new Shift(1, 1, 'x-other')]]) {
      const [client, server] = connected({ extensions: [new Shift(5)] }, { extensions })
      assert.deepEqual(client.agreement, PLAIN)
      assert.deepEqual(server.agreement, PLAIN)
    }
    const [client] = connected({ extensions: [new Shift(0)] }, { extensions: [new Shift(1)] })
    assert.deepEqual(client.agreement, PLAIN)
  })

  it('an extension whose answer does not fit ends the handshake', () => {
    const client = new WSConnection({ role: 'client', extensions: [new Shift(5)] })
    const server = new WSConnection({
      role: 'server',
      extensions: [Object.assign(new Shift(5), { accept: () => 'by=6' })],
    })
    server.receive(client.send({ type: 'request', host: 'a', target: '/' }))
    assert.equal(events(server).length, 1)
    client.receive(server.send({ type: 'accept' }))
    assert.match(failed(client, CloseCode.PROTOCOL_ERROR).message, /by something else/)
  })

  it('an extension goes over HTTP/2 as well, with its agreement', () => {
    const { section, offer } = connectRequest({ authority: 'a', extensions: [new Shift(3)] })
    const request = readConnectRequest({
      method: 'CONNECT',
      protocol: 'websocket',
      scheme: 'https',
      authority: 'a',
      path: '/',
      fields: section.slice(10),
    } as unknown as Parameters<typeof readConnectRequest>[0])
    assert.ok(request.type === 'request')
    const accepted = acceptConnect(request, { extensions: [new Shift(1)] })
    const answer = readConnectResponse(offer, 200, accepted.section.slice(2))
    assert.ok(answer.type === 'accept')
    const client = new WSConnection({ role: 'client', agreement: answer.agreement })
    const server = new WSConnection({ role: 'server', agreement: accepted.agreement })
    assert.deepEqual(messages(after(server, client.send({ type: 'text', data: 'shifted' }))), ['shifted'])
  })
})

describe('what comes for an extension', () => {
  const with1 = (extension: WebSocketExtension, more: Partial<WSConnectionOptions> = {}): WSConnection =>
    opened('client', { agreement: { ...PLAIN, extensions: [extension] }, ...more })

  it('what comes for an extension may have its reserved bits in the first frame of a message alone', () => {
    const good = with1(new Shift(1))
    assert.deepEqual(messages(after(good, frame(0xa2, 'b'))), [Buffer.from('a')])
    for (const wrong of [[frame(0xc2, 'b')], [frame(0x92, 'b')], [frame(0xa9)], [frame(0x22, 'b'), frame(0xa0, 'b')]]) {
      const client = with1(new Shift(1))
      for (const octets of wrong) client.receive(octets)
      assert.match(failed(client, CloseCode.PROTOCOL_ERROR).message, /reserved bit/)
    }
    const none = opened('client', { agreement: { ...PLAIN, extensions: [] } })
    none.receive(frame(0xa2, 'b'))
    failed(none, CloseCode.PROTOCOL_ERROR)
  })

  it('what comes for an extension ends the connection with the code that the extension says, 1007 for another error, 1009 for too much', () => {
    const decoding = (decode: () => Uint8Array): WSConnection =>
      with1(Object.assign(new Shift(1), { decode }), { maxMessageSize: 10 })
    const own = decoding(() => {
      throw new RemoteProtocolError('not this', CloseCode.PROTOCOL_ERROR)
    })
    own.receive(frame(0xa2, 'b'))
    assert.match(failed(own, CloseCode.PROTOCOL_ERROR).message, /not this/)
    const other = decoding(() => {
      throw new RangeError('out of it')
    })
    other.receive(frame(0xa2, 'b'))
    assert.match(failed(other, CloseCode.INVALID_DATA).message, /x-shift failed: RangeError: out of it/)
    const much = decoding(() => new Uint8Array(11))
    much.receive(frame(0xa2, 'b'))
    assert.match(failed(much, CloseCode.TOO_BIG).message, /more than the 10 octets allowed after x-shift/)
  })
})

describe('extensions that cannot be used', () => {
  it('extensions that cannot be used are refused by name before anything is sent', () => {
    const refused = (extensions: WebSocketExtension[], message: RegExp, deflate = false): void => {
      assert.throws(
        () => new WSConnection({ role: 'client', deflate, extensions }),
        (error) => {
          assert.ok(error instanceof LocalProtocolError)
          assert.match(error.message, message)
          return true
        },
      )
    }
    refused([new Shift(1, 4)], /x-shift uses a reserved bit that another extension has/, true)
    refused([new Shift(1), new Shift(1)], /The extension x-shift is given twice/)
    for (const name of ['', 'a b', 'Upper']) refused([new Shift(1, 2, name)], /a token in lower case/)
    for (const rsv of [8, -1, 0.5]) refused([new Shift(1, rsv)], /x-shift has no reserved bits/)
    const two = [new Shift(1), new Shift(1)]
    assert.throws(() => opened('client', { agreement: { ...PLAIN, extensions: two } }), LocalProtocolError)
  })

  it('extensions that cannot be used with parameters that break the grammar are not offered', () => {
    for (const parameters of ['=', 'a, b', ';']) {
      const extension = Object.assign(new Shift(1), { offer: () => parameters })
      const client = new WSConnection({ role: 'client', extensions: [extension] })
      assert.throws(
        () => client.send({ type: 'request', host: 'a', target: '/' }),
        /parameters of x-shift are malformed/,
      )
    }
  })

  it('permessage-deflate before it is agreed on', () => {
    const settings = deflateSettings(true)
    assert.ok(settings !== null)
    const extension = new PermessageDeflate('client', settings)
    assert.throws(() => extension.encode(new Uint8Array(1), true), /before it is agreed on/)
  })
})
