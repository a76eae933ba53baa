import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type DeflateOptions, deflateSettings } from '../../src/websocket/agreement.ts'
import { acceptExtensions, confirmExtensions, offerExtensions, parseExtensions } from '../../src/websocket/extension.ts'
import { RemoteProtocolError } from '../../src/websocket/index.ts'
import { agreementOf, extensionsOf } from '../../src/websocket/permessage-deflate.ts'

const agreed = (server: number, client: number, serverNo = false, clientNo = false) => ({
  serverNoContextTakeover: serverNo,
  clientNoContextTakeover: clientNo,
  serverMaxWindowBits: server,
  clientMaxWindowBits: client,
})

describe('the offer of permessage-deflate', () => {
  const offer = (options: DeflateOptions) => offerExtensions(extensionsOf('client', options))

  it('the offer of permessage-deflate says what the options ask for', () => {
    assert.equal(offer({}), 'permessage-deflate; client_max_window_bits')
    const all = {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 8,
    }
    assert.equal(
      offer(all),
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=8',
    )
  })

  it('the offer of permessage-deflate is off by default', () => {
    assert.equal(deflateSettings(undefined), null)
    assert.equal(deflateSettings(false), null)
    assert.equal(deflateSettings(true)?.threshold, 64)
  })
})

describe("a server's choice", () => {
  const accept = (offer: string, options: DeflateOptions = {}) => {
    const { active, field } = acceptExtensions(offer, extensionsOf('server', options))
    const { deflate } = agreementOf(undefined, active)
    return deflate === null ? null : { agreement: deflate, field }
  }

  it("a server's choice takes an offer as it is", () => {
    assert.deepEqual(accept('permessage-deflate'), { agreement: agreed(15, 15), field: 'permessage-deflate' })
    assert.equal(accept('permessage-deflate; client_max_window_bits')?.field, 'permessage-deflate')
    const all =
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=9'
    assert.deepEqual(accept(all), { agreement: agreed(8, 9, true, true), field: all })
    assert.match(accept('permessage-deflate; server_max_window_bits=15')?.field ?? '', /server_max_window_bits=15$/)
  })

  it('asks for what its own options say', () => {
    const options = { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9 }
    const found = accept('permessage-deflate', options)
    assert.deepEqual(found?.agreement, agreed(9, 15, true, true))
    assert.equal(
      found?.field,
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9',
    )
    const small = { clientMaxWindowBits: 10 }
    assert.deepEqual(accept('permessage-deflate; client_max_window_bits', small)?.agreement, agreed(15, 10))
    assert.deepEqual(accept('permessage-deflate; client_max_window_bits=9', small)?.agreement, agreed(15, 9))
  })

  it('declines what it cannot take, and takes the next', () => {
    assert.equal(accept('permessage-deflate', { clientMaxWindowBits: 10 }), null)
    assert.equal(accept(''), null)
    assert.equal(accept('x-other, permessage-bzip2; a=b'), null)
    for (const bad of [
      'unknown',
      'server_max_window_bits',
      'server_max_window_bits=7',
      'server_max_window_bits=16',
      'server_max_window_bits=08',
      'client_max_window_bits=x',
      'server_no_context_takeover=1',
      'client_no_context_takeover=10',
      'server_no_context_takeover; server_no_context_takeover',
    ]) {
      assert.equal(accept(`permessage-deflate; ${bad}`), null, bad)
      assert.deepEqual(accept(`permessage-deflate; ${bad}, permessage-deflate`)?.agreement, agreed(15, 15))
    }
  })
})

describe("a client's view of the answer", () => {
  const read = (answer: string, options: DeflateOptions | false = {}) =>
    agreementOf(undefined, confirmExtensions(answer, extensionsOf('client', options))).deflate

  it("a client's view of the answer takes what fits the offer", () => {
    assert.equal(read(''), null)
    assert.equal(read('', false), null)
    assert.deepEqual(read('permessage-deflate'), agreed(15, 15))
    const all = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover; '
    assert.deepEqual(read(`${all}server_max_window_bits=8; client_max_window_bits=9`), agreed(8, 9, true, true))
    const own = { clientNoContextTakeover: true, clientMaxWindowBits: 9, serverMaxWindowBits: 10 }
    assert.deepEqual(read('permessage-deflate; server_max_window_bits=10', own), agreed(10, 9, false, true))
  })

  it("a client's view of the answer fails for what does not", () => {
    const wrong: [string, DeflateOptions?][] = [
      ['other'],
      ['permessage-deflate, permessage-deflate'],
      ['permessage-deflate; client_max_window_bits'],
      ['permessage-deflate; unknown'],
      ['permessage-deflate; server_max_window_bits=7'],
      ['permessage-deflate', { serverMaxWindowBits: 14 }],
      ['permessage-deflate; server_max_window_bits=15', { serverMaxWindowBits: 14 }],
      ['permessage-deflate', { serverNoContextTakeover: true }],
    ]
    for (const [answer, options] of wrong) assert.throws(() => read(answer, options), RemoteProtocolError, answer)
    assert.throws(() => read('permessage-deflate', false), /not offered/)
  })
})

describe('parseExtensions', () => {
  it('parseExtensions reads tokens, values and quoted values', () => {
    assert.deepEqual(parseExtensions('A ; b = c;d="1\\5"\t, e'), [
      {
        name: 'a',
        params: [
          ['b', 'c'],
          ['d', '15'],
        ],
      },
      { name: 'e', params: [] },
    ])
  })

  it('parseExtensions fails for what breaks the grammar', () => {
    for (const text of [
      ' ',
      ',',
      'a,',
      'a;',
      'a;b=',
      'a=b',
      'a b',
      'a;b="c',
      'a;b=""',
      'a;b="c d"',
      ';a',
      'a;b="x"y',
      'ü',
    ]) {
      assert.throws(() => parseExtensions(text), RemoteProtocolError, JSON.stringify(text))
    }
  })

  it('parseExtensions takes time linear in the text', () => {
    assert.equal(parseExtensions(`a${' '.repeat(100_000)};b`).length, 1)
    assert.throws(() => parseExtensions(`a${' '.repeat(100_000)}ü`), RemoteProtocolError)
  })
})
