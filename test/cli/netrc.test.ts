/** `~/.netrc`: how it is read, and who is warned. */
import assert from 'node:assert/strict'
import { chmod } from 'node:fs/promises'
import { test } from 'node:test'
import { netrcCredentials, parseNetrc } from '../../src/cli/netrc.ts'
import { folder } from './command.ts'

test('machines, defaults, comments, quotation marks and macros are understood', () => {
  const entries = parseNetrc(`
# a comment
machine one.example login me password secret # another
machine two.example
  login "you there" account ignored
  password "a\\"b"
macdef init
  cd /pub
  machine three.example login no password no

default login anonymous password guest`)
  assert.deepEqual(entries, [
    { machine: 'one.example', login: 'me', password: 'secret' },
    { machine: 'two.example', login: 'you there', password: 'a"b' },
    { machine: undefined, login: 'anonymous', password: 'guest' },
  ])
})

test('a .netrc file with an unknown keyword is refused, and the keyword is named', () => {
  assert.throws(() => parseNetrc('machine a nonsense b'), /"nonsense" is not a known keyword/)
  assert.throws(() => parseNetrc('login a'), /login comes before any machine/)
  assert.throws(() => parseNetrc('machine'), /"machine" is followed by no value/)
})

test('a file that others can read is used with a warning, one that nobody understands is not used', async () => {
  await using files = await folder()
  const path = await files.write('.netrc', 'machine localhost login me password x')
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  await chmod(path, 0o600)
  const env = { HOME: files.path('') }
  assert.equal(netrcCredentials('LOCALHOST', env, warn), 'me:x')
  assert.equal(netrcCredentials('other', env, warn), undefined)
  assert.deepEqual(warnings, [])
  if (process.platform !== 'win32') {
    await chmod(path, 0o644)
    assert.equal(netrcCredentials('localhost', env, warn), 'me:x')
    assert.match(warnings[0] ?? '', /others can read it: chmod 600/)
  }
  const broken = await files.write('broken', 'machine a nonsense b')
  assert.equal(netrcCredentials('a', { NETRC: broken }, warn), undefined)
  assert.match(warnings.at(-1) ?? '', /cannot be understood, and is not used: "nonsense"/)
  assert.equal(netrcCredentials('a', {}, warn), undefined)
  const any = await files.write('default', 'machine a login b password c default login d password e')
  await chmod(any, 0o600)
  assert.equal(netrcCredentials('x', { NETRC: any }, warn), 'd:e')
  assert.equal(netrcCredentials('x', { NETRC: any }, warn, true), undefined)
  assert.equal(netrcCredentials('a', { NETRC: any }, warn, true), 'b:c')
})
