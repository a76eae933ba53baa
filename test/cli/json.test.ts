/** JSON written anew: what it looks like, and that it still says the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isJsonText, type JsonKind, renderJson, sortMembers } from '../../src/cli/json.ts'
import { wrongAt } from '../../src/cli/json-error.ts'
import { fc } from '../support/property.ts'

const plain = (token: string): string => token
const render = (text: string, indent = true): string => [...renderJson(text, indent, plain)].join('')

test('members and elements get lines of their own; empty ones stay short', () => {
  assert.equal(
    render('{"a":1,"b":[true,null , {}],"c":[ ],"d":{"e":"x, y: [z]"}}'),
    `{
    "a": 1,
    "b": [
        true,
        null,
        {}
    ],
    "c": [],
    "d": {
        "e": "x, y: [z]"
    }
}`,
  )
})

test('numbers, escapes, order and repeated names stay as they came', () => {
  const text = '{"z":12345678901234567890,"a":1.0,"a":-1E+5,"u":"\\u00e9\\/ \\"q\\" \\\\"}'
  assert.equal(
    render(text),
    '{\n    "z": 12345678901234567890,\n    "a": 1.0,\n    "a": -1E+5,\n    "u": "\\u00e9\\/ \\"q\\" \\\\"\n}',
  )
})

test('without indentation white space stays', () => {
  const text = ' {"a" :\n[1 , 2]}\n'
  assert.equal(render(text, false), text)
})

test('each token is painted by its kind', () => {
  const kinds: [string, JsonKind][] = []
  const note = (token: string, kind: JsonKind): string => {
    kinds.push([token, kind])
    return token
  }
  for (const _ of renderJson('{"a" : "b", "c":[-1,true,null]}', true, note));
  assert.deepEqual(
    kinds.filter(([, kind]) => kind !== 'punctuation'),
    [
      ['"a"', 'name'],
      ['"b"', 'string'],
      ['"c"', 'name'],
      ['-1', 'number'],
      ['true', 'literal'],
      ['null', 'literal'],
    ],
  )
})

test('any JSON value still says the same', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      assert.deepEqual(JSON.parse(render(text)), JSON.parse(text))
      assert.equal(render(text, false), text)
      assert.equal(render(render(text)), render(text))
    }),
  )
})

test('a long string and a deep text are taken in pieces of bounded length', () => {
  const string = JSON.stringify('\\"x'.repeat(1_000_000))
  assert.equal(render(string), string)
  const deep = '['.repeat(20_000) + ']'.repeat(20_000)
  let length = 0
  for (const piece of renderJson(deep, true, plain)) {
    assert.ok(piece.length < 100_000)
    length += piece.length
  }
  assert.ok(length < 20_000 * 2 * 200)
})

test('a string of millions of escapes is one token like any other', () => {
  for (const char of ['\n', '"', '\\']) {
    const text = `["a", ${JSON.stringify(char.repeat(4_000_000))}, "b"]`
    assert.ok(render(text, false) === text)
    assert.equal(render(text).split('\n').length, 5)
  }
})

test('text that is not JSON is recognised', () => {
  assert.equal(isJsonText('{"a":1}'), true)
  assert.equal(isJsonText('{a:1}'), false)
})

test('the place where a text stops being JSON is found', () => {
  for (const [text, at] of [
    ['{"b": nope}', 6],
    ['{', 1],
    ['{a: 1}', 1],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['"a\nb"', 0],
    ['1 1', 2],
    ['', 0],
    ['[01]', 2],
  ] as const) {
    assert.equal(wrongAt(text), at, text)
  }
})

test('members are sorted by name, tokens stay', () => {
  assert.equal(sortMembers('{"b":[{"d":1.0,"c":"\\u00e9"}],"a":{}}'), '{"a":{},"b":[{"c":"\\u00e9","d":1.0}]}')
  const deep = '['.repeat(5000) + ']'.repeat(5000)
  assert.equal(sortMembers(deep), deep)
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => assert.deepEqual(JSON.parse(sortMembers(text)), JSON.parse(text))),
  )
})
