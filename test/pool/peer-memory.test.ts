import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConnectError } from '../../src/errors.ts'
import { MAX_STREAMS_BEFORE_SETTINGS, MAX_UPGRADES_LOST, STREAMS_BEFORE_SETTINGS } from '../../src/limits.ts'
import type { ConnectOptions } from '../../src/net/options.ts'
import { parseOrigin } from '../../src/net/origin.ts'
import { ProtocolMemory } from '../../src/pool/memory.ts'
import { PeerMemory } from '../../src/pool/peer-memory.ts'

function peer(origin: string, connect: ConnectOptions = {}, shared = new ProtocolMemory()): PeerMemory {
  return new PeerMemory('key', parseOrigin(origin), connect, shared)
}

const tlsFailed = new ConnectError('no protocol in common', { phase: 'tls' })

describe('what is known of an origin before there is a connection to it', () => {
  test('options that leave no choice say what it speaks', () => {
    assert.equal(peer('https://a.test').protocol, undefined)
    assert.equal(peer('https://a.test', { allowH2: false }).protocol, 'http/1.1')
    assert.equal(peer('http://a.test').protocol, 'http/1.1')
    assert.equal(peer('http://a.test', { h2c: 'prior-knowledge' }).protocol, 'h2')
    assert.equal(peer('http://a.test', { allowH1: false }).protocol, 'h2')
    assert.equal(peer('http://a.test', { h2c: 'upgrade' }).protocol, undefined)
  })

  test('a server that was offered HTTP/2 and took HTTP/1.1 is remembered, for others with its key as well', () => {
    const shared = new ProtocolMemory()
    const one = peer('https://a.test', {}, shared)
    one.onAgreed('http/1.1', true)
    assert.equal(one.agreed, undefined)
    assert.equal(peer('https://a.test', {}, shared).protocol, 'http/1.1')
  })

  test('a server that was not offered HTTP/2 has said nothing of it', () => {
    const one = peer('https://a.test')
    one.onAgreed('http/1.1', false)
    assert.equal(one.protocol, undefined)
  })

  test('what is only remembered is forgotten when a handshake fails that offered nothing else', () => {
    const one = peer('https://a.test')
    one.onAgreed('http/1.1', true)
    assert.equal(one.doubtOffer(new ConnectError('refused', { phase: 'tcp' })), false)
    assert.equal(one.protocol, 'http/1.1')
    assert.equal(one.doubtOffer(tlsFailed), true)
    assert.equal(one.protocol, undefined)
    assert.equal(peer('https://a.test', { allowH2: false }).doubtOffer(tlsFailed), false)
  })

  test('upgrades that are lost again and again are not asked for any more', () => {
    const one = peer('http://a.test', { h2c: 'upgrade' })
    for (let i = 1; i < MAX_UPGRADES_LOST; i++) one.onUpgradeLost()
    assert.equal(one.protocol, undefined)
    one.onUpgradeLost()
    assert.equal(one.protocol, 'http/1.1')
  })

  test('a server that asks for HTTP/1.1 does not get it where that is not allowed', () => {
    const one = peer('https://a.test', { allowH1: false })
    one.onHttp1Required()
    assert.equal(one.protocol, undefined)
  })

  test('a limit of streams is kept up to our own, and doubted after a failure when it is above that of strangers', () => {
    const one = peer('https://a.test')
    one.onStreamLimit(Number.MAX_SAFE_INTEGER)
    one.onStreamLimit(0)
    assert.equal(one.streamLimit, MAX_STREAMS_BEFORE_SETTINGS)
    one.doubt('h2')
    assert.equal(one.streamLimit, undefined)
    one.onStreamLimit(STREAMS_BEFORE_SETTINGS)
    one.doubt('h2')
    assert.equal(one.streamLimit, STREAMS_BEFORE_SETTINGS)
  })
})
