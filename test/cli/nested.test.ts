/** Nested JSON: what HTTPie's documents say, and what is wrong pointed at. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../src/cli/failures.ts'
import { NestedJson } from '../../src/cli/nested.ts'
import { fc } from '../support/property.ts'

function build(...fields: readonly (readonly [name: string, json: string])[]): string {
  const json = new NestedJson()
  for (const [name, value] of fields) json.add(name, value)
  return json.text()
}

for (const [what, fields, expected] of [
  ['a plain name is a member', [['a', '1']], '{"a": 1}'],
  [
    'a key in brackets opens an object',
    [
      ['a[b]', '1'],
      ['a[c][d]', '2'],
    ],
    '{"a": {"b": 1, "c": {"d": 2}}}',
  ],
  [
    '[] appends',
    [
      ['a[]', '1'],
      ['a[]', '2'],
    ],
    '{"a": [1, 2]}',
  ],
  [
    'an index sets, and fills with null before it',
    [
      ['a[2]', '1'],
      ['a[0]', '2'],
    ],
    '{"a": [2, null, 1]}',
  ],
  [
    'what is null can be opened',
    [
      ['a[1]', '1'],
      ['a[0][b]', '2'],
    ],
    '{"a": [{"b": 2}, 1]}',
  ],
  [
    'the whole may be an array',
    [
      ['[]', '1'],
      ['[]', '2'],
    ],
    '[1, 2]',
  ],
  [
    'the whole may be opened by a key in brackets',
    [
      ['[a]', '1'],
      ['b', '2'],
    ],
    '{"a": 1, "b": 2}',
  ],
  [
    'of a name that is repeated the last counts',
    [
      ['a', '1'],
      ['a', '2'],
    ],
    '{"a": 2}',
  ],
  [
    'a backslash takes the meaning of brackets',
    [
      ['a\\[b\\]', '1'],
      ['c[d\\]]', '2'],
    ],
    '{"a[b]": 1, "c": {"d]": 2}}',
  ],
  ['a backslash makes a key of a number', [['a[\\1]', '1']], '{"a": {"1": 1}}'],
  ['numbers stay as they are written', [['a[b]', '12345678901234567890']], '{"a": {"b": 12345678901234567890}}'],
  ['__proto__ is a name like any other', [['__proto__[a]', '1']], '{"__proto__": {"a": 1}}'],
  [
    "HTTPie's own example",
    [
      ['platform[name]', '"HTTPie"'],
      ['platform[about][mission]', '"Make APIs simple"'],
      ['platform[about][stars]', '54000'],
      ['platform[apps][]', '"Terminal"'],
      ['platform[apps][]', '"Desktop"'],
    ],
    '{"platform": {"name": "HTTPie", "about": {"mission": "Make APIs simple", "stars": 54000}, "apps": ["Terminal", "Desktop"]}}',
  ],
] as const) {
  test(what, () => assert.equal(build(...fields), expected))
}

for (const [what, fields, message, detail] of [
  [
    'appending to an object',
    [
      ['a[b]', '1'],
      ['a[]', '2'],
    ],
    /"a\[\]": \[\] needs an array, and "a" is an object/,
    '  a[]\n   ^^',
  ],
  [
    'a key of an array',
    [
      ['a[]', '1'],
      ['a[b]', '2'],
    ],
    /a key needs an object, and "a" is an array/,
    '  a[b]\n   ^^^',
  ],
  [
    'a key of a number',
    [
      ['a', '1'],
      ['a[b][c]', '2'],
    ],
    /a key needs an object, and "a" is a number/,
    '  a[b][c]\n   ^^^',
  ],
  [
    'a member of an array that is the whole',
    [
      ['[]', '1'],
      ['a', '2'],
    ],
    /a key needs an object, and the whole is an array/,
    '  a\n  ^',
  ],
  ['an open bracket', [['a[', '1']], /expecting text, a number or ']'/, '  a[\n    ^'],
  ['an open key', [['a[b', '1']], /expecting ']'/, '  a[b\n     ^'],
  ['text behind a bracket', [['a[b]c', '1']], /expecting '\['/, '  a[b]c\n      ^'],
  ['a negative index', [['a[-1]', '1']], /an index cannot be negative/, '  a[-1]\n    ^^'],
  ['an index beyond measure', [['a[99999999]', '1']], /an index is at most 65535/, '  a[99999999]\n    ^^^^^^^^'],
] as const) {
  test(`${what} is refused, and pointed at`, () =>
    assert.throws(
      () => build(...fields),
      (error) => {
        assert.ok(error instanceof UsageError)
        assert.match(error.message, message)
        assert.equal(error.detail, detail)
        return true
      },
    ))
}

test('any name is valid JSON or a usage error, however deep', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[ab[\]\\0-]{1,12}$/), { maxLength: 5 }), (names) => {
      try {
        JSON.parse(build(...names.map((name) => [name, '1'] as const)))
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error))
      }
    }),
  )
  assert.throws(() => build([`a${'[b]'.repeat(20_000)}`, '1']), /nests 20001 deep/)
})
