import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { addressFamily } from '../../src/net/address-family.ts'

const HOSTS = [
  ...[
    '127.0.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '256.1.1.1',
    '1.2.3',
    '1.2.3.4.',
    '01.2.3.4',
    '1',
    '0x7f.1',
    '.',
    '...',
    '',
  ],
  ...[
    '::1',
    '::',
    'fe80::1%eth0',
    '2001:db8::1',
    '::ffff:1.2.3.4',
    '1::2::3',
    ':',
    'localhost:80',
    '[::1]',
    'a:b',
    '::1%',
  ],
  ...[
    'localhost',
    'example.com',
    'example.com.',
    '1.example',
    'a1',
    '1a',
    'xn--bcher-kva',
    'my_host',
    '１２７.0.0.1',
    ' 127.0.0.1',
  ],
]

test('addressFamily answers as node:net does, of addresses and of names', () => {
  for (const host of HOSTS) assert.equal(addressFamily(host), isIP(host), JSON.stringify(host))
})
