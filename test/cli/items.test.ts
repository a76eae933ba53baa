/** Request items: which separator counts, and what escapes it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Item, looksLikeItem, parseItem } from '../../src/cli/items.ts'
import { fc } from '../support/property.ts'

const cases: Readonly<Record<string, Item>> = {
  'Header:value': { kind: 'header', name: 'Header', value: 'value' },
  'Header: value ': { kind: 'header', name: 'Header', value: 'value' },
  'Header;': { kind: 'header', name: 'Header', value: '' },
  'Header:': { kind: 'unset', name: 'Header' },
  'Referer:http://x/?a=b': { kind: 'header', name: 'Referer', value: 'http://x/?a=b' },
  'Cookie:a=b; c=d': { kind: 'header', name: 'Cookie', value: 'a=b; c=d' },
  'X:a;': { kind: 'header', name: 'X', value: 'a;' },
  'name==query': { kind: 'query', name: 'name', value: 'query' },
  'url==http://x': { kind: 'query', name: 'url', value: 'http://x' },
  'a==': { kind: 'query', name: 'a', value: '' },
  'a===b': { kind: 'query', name: 'a', value: '=b' },
  'field=string': { kind: 'text', name: 'field', value: 'string' },
  'a=b:c': { kind: 'text', name: 'a', value: 'b:c' },
  'a=b@c': { kind: 'text', name: 'a', value: 'b@c' },
  'a=': { kind: 'text', name: 'a', value: '' },
  'a;b=c': { kind: 'text', name: 'a;b', value: 'c' },
  'a=b;': { kind: 'text', name: 'a', value: 'b;' },
  'a=\\=b': { kind: 'text', name: 'a', value: '=b' },
  'a=\\@b': { kind: 'text', name: 'a', value: '@b' },
  'a=\\\\server\\share': { kind: 'text', name: 'a', value: '\\\\server\\share' },
  'a\\:b=c': { kind: 'text', name: 'a:b', value: 'c' },
  'a\\=b=c': { kind: 'text', name: 'a=b', value: 'c' },
  'C:\\temp': { kind: 'header', name: 'C', value: '\\temp' },
  'a\\b=c': { kind: 'text', name: 'a\\b', value: 'c' },
  'field:=[1, 2]': { kind: 'json', name: 'field', value: '[1, 2]' },
  'field:=12345678901234567890': { kind: 'json', name: 'field', value: '12345678901234567890' },
  'Header:@path': { kind: 'header-file', name: 'Header', path: 'path' },
  'Header: @path': { kind: 'header', name: 'Header', value: '@path' },
  'Header:\\@path': { kind: 'header', name: 'Header', value: '@path' },
  'name==@path': { kind: 'query-file', name: 'name', path: 'path' },
  ':authority:@x': { kind: 'pseudo', name: ':authority', value: '@x' },
  'field=@path': { kind: 'text-file', name: 'field', path: 'path' },
  'field:=@path': { kind: 'json-file', name: 'field', path: 'path' },
  'field@path': { kind: 'upload', name: 'field', path: 'path', type: undefined },
  'field@path;type=text/x; charset=utf-8': {
    kind: 'upload',
    name: 'field',
    path: 'path',
    type: 'text/x; charset=utf-8',
  },
  '@path': { kind: 'body-file', path: 'path', type: undefined },
  '@a;type=b': { kind: 'body-file', path: 'a', type: 'b' },
  ':authority:x': { kind: 'pseudo', name: ':authority', value: 'x' },
  ':authority:x:80': { kind: 'pseudo', name: ':authority', value: 'x:80' },
  ':path:/a=b': { kind: 'pseudo', name: ':path', value: '/a=b' },
}

for (const [text, item] of Object.entries(cases)) {
  test(`${text} is ${item.kind}`, () => assert.deepEqual(parseItem(text), item))
}

for (const [text, why] of Object.entries({
  nothing: /"nothing" is not one of Header:value/,
  'esc\\:aped': /is not one of/,
  '=x': /no name before "="/,
  '==x': /no name before "=="/,
  ':x': /no name before ":"/,
  ';': /no name before ";"/,
  'a:={': /"a:=\{": not valid JSON \(/,
  'a=@': /no file is named/,
  'a@': /no file is named/,
  '@': /no file is named/,
  ':scheme:http': /the pseudo-header fields are :authority, :method and :path/,
  ':path:': /:path needs a value/,
})) {
  test(`${text} is refused, and it is said why`, () =>
    assert.throws(() => parseItem(text), { name: 'UsageError', message: why }))
}

test('any name and value come back from an escaped item', () => {
  const separators = { '=': 'text', '==': 'query' } as const
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1 }).map((name) => name.replaceAll('\0', ':')),
      fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\\=@:]{0,4}$/)),
      fc.constantFrom('=' as const, '==' as const),
      (name, value, separator) => {
        const escapedName = name.replace(/[:=@;\\]/g, '\\$&')
        const escapedValue = /^\\*[=@]/.test(value) ? `\\${value}` : value
        assert.deepEqual(parseItem(`${escapedName}${separator}${escapedValue}`), {
          kind: separators[separator],
          name,
          value,
        })
      },
    ),
  )
})

test('any text is an item or a usage error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a:=@;\\]{0,8}$/)), (text) => {
      try {
        parseItem(text)
      } catch (error) {
        assert.equal(Reflect.get(Object(error), 'name'), 'UsageError')
      }
    }),
  )
})

test('an item is told from a URL', () => {
  for (const text of ['a=b', 'a==b', 'a@b', 'X;', 'X:y', 'a:=1', '@f']) assert.equal(looksLikeItem(text), true, text)
  for (const text of ['x.org', 'x.org:80', 'x:80/a', 'http://x/?a=b', 'localhost', ':3000', '/x']) {
    assert.equal(looksLikeItem(text), false, text)
  }
})
