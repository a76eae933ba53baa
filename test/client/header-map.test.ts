/** `HTTPHeaderMap`: hyper's semantics, in today's words. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { HTTPHeaderMap } from '../../src/index.ts'
import { fc } from '../support/property.ts'

describe('HTTPHeaderMap', () => {
  test('is made from objects, pairs, flat lists, Headers and other maps, in that order', () => {
    const headers = new Headers([
      ['X-H', 'h'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ])
    const map = new HTTPHeaderMap({ A: '1', B: ['2', '3'], C: undefined }, [['D', '4']], ['E', '5'], headers, null)
    map.merge(new HTTPHeaderMap([['F', '6']]))
    assert.deepEqual(
      [...map.raw()],
      [
        ['A', '1'],
        ['B', '2'],
        ['B', '3'],
        ['D', '4'],
        ['E', '5'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['x-h', 'h'],
        ['F', '6'],
      ],
    )
  })

  test('iterates canonically: lower-case names, lists split at commas outside of quotation marks', () => {
    const map = new HTTPHeaderMap([
      ['K', 'v1, v2'],
      ['k2', 'v,v2, ,"a, \\"b", c'],
      ['Accept', ''],
    ])
    assert.deepEqual(
      [...map],
      [
        ['k', 'v1'],
        ['k', 'v2'],
        ['k2', 'v'],
        ['k2', 'v2'],
        ['k2', '"a, \\"b"'],
        ['k2', 'c'],
        ['accept', ''],
      ],
    )
    assert.equal(map.size, 7)
    assert.deepEqual([...map.keys()], ['k', 'k', 'k2', 'k2', 'k2', 'k2', 'accept'])
    assert.deepEqual([...map.values()], ['v1', 'v2', 'v', 'v2', '"a, \\"b"', 'c', ''])
    assert.deepEqual([...map.entries()], [...map])
  })

  test('splits neither set-cookie nor dates', () => {
    const date = 'Sun, 06 Nov 1994 08:49:37 GMT'
    const map = new HTTPHeaderMap([
      ['Set-Cookie', 'a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT'],
      ['set-cookie2', 'b, c'],
      ['Date', date],
      ['Sunset', date],
    ])
    assert.deepEqual(map.get('sunset'), [date])
    assert.deepEqual(map.get('set-cookie'), ['a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT'])
    assert.deepEqual(map.get('Set-Cookie2'), ['b, c'])
    assert.deepEqual(map.get('date'), [date])
  })

  test('splits neither addresses nor pseudo-header fields', () => {
    const map = new HTTPHeaderMap([
      ['Referer', 'https://example.com/?ids=1,2'],
      [':path', '/a,b'],
      ['Link', '</?ids=1,2>; rel=next; title="a<", </b>; rel=prev,'],
      ['Link', '<never closed, c'],
      ['X-Other', '<1, 2>'],
    ])
    assert.deepEqual(map.get('referer'), ['https://example.com/?ids=1,2'])
    assert.deepEqual(map.get(':path'), ['/a,b'])
    const links = ['</?ids=1,2>; rel=next; title="a<"', '</b>; rel=prev', '<never closed', 'c']
    assert.deepEqual(map.get('link'), links)
    assert.deepEqual(map.get('x-other'), ['<1', '2>'])
  })

  test('a quotation mark that is never closed ends with the line', () => {
    assert.deepEqual(new HTTPHeaderMap([['a', 'x, "y, z\\']]).get('a'), ['x', '"y, z\\'])
  })

  test('get, has and text look without regard to case; what is absent is an empty list, or what the caller says', () => {
    const map = new HTTPHeaderMap([
      ['Name', 'v1'],
      ['nAME', 'v2, v3'],
    ])
    assert.deepEqual(map.get('name'), ['v1', 'v2', 'v3'])
    assert.deepEqual(map.get('absent'), [])
    assert.equal(map.get('absent', null), null)
    assert.equal(map.text('NAME'), 'v1, v2, v3')
    assert.equal(map.text('absent'), undefined)
    assert.ok(map.has('NAME'))
    assert.ok(!map.has('nam'))
  })

  test('replace keeps the place of the first, removes the others, and appends what is new', () => {
    const map = new HTTPHeaderMap([
      ['a', '1'],
      ['B', '2'],
      ['c', '3'],
      ['b', '4'],
    ])
    map.replace('b', '5').set('D', 6)
    assert.deepEqual(map.toFlat(), ['a', '1', 'b', '5', 'c', '3', 'D', '6'])
    assert.throws(() => map.replace('b', null as never), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
    assert.deepEqual(map.get('b'), ['5'])
  })

  test('delete, pop, popItem, setDefault and clear', () => {
    const map = new HTTPHeaderMap([
      ['a', '1'],
      ['A', '2'],
      ['b', '3'],
      ['C', '4, 5'],
    ])
    assert.deepEqual(map.popItem(), ['c', ['4', '5']])
    assert.deepEqual(map.pop('A'), ['1', '2'])
    assert.equal(map.pop('a'), undefined)
    assert.equal(map.pop('a', null), null)
    const otherwise: string[] | number = map.pop('a', 7)
    assert.equal(otherwise, 7)
    assert.deepEqual(map.setDefault('B', 'new'), ['3'])
    assert.deepEqual(map.setDefault('n', 'new'), ['new'])
    assert.equal(map.delete('n'), true)
    assert.equal(map.delete('n'), false)
    map.clear()
    assert.equal(map.popItem(), undefined)
    assert.equal(map.size, 0)
  })

  test('merge appends raw lines, and does nothing with the map itself; update replaces', () => {
    const map = new HTTPHeaderMap([['A', '1']])
    map.merge(map)
    assert.equal(map.size, 1)
    map.merge({ a: '2' })
    assert.deepEqual(map.toFlat(), ['A', '1', 'a', '2'])
    map.update([
      ['a', '3'],
      ['A', '4'],
      ['b', '5'],
    ])
    assert.deepEqual(map.toFlat(), ['a', '3', 'A', '4', 'b', '5'])
  })

  test('equals compares lines in their order, names without regard to case', () => {
    const map = new HTTPHeaderMap(['A', '1', 'b', '2'])
    assert.ok(map.equals(new HTTPHeaderMap(['a', '1', 'B', '2'])))
    assert.ok(!map.equals(new HTTPHeaderMap(['b', '2', 'a', '1'])))
    assert.ok(!map.equals(new HTTPHeaderMap(['a', '1'])))
  })

  test('becomes Headers, an object and JSON', () => {
    const map = new HTTPHeaderMap(['A', '1', 'a', '2', 'a', '3', 'Set-Cookie', 'c=1', '__proto__', 'x'])
    const object = map.toObject()
    assert.deepEqual(object.a, ['1', '2', '3'])
    assert.deepEqual(object['set-cookie'], ['c=1'])
    assert.equal(Object.getOwnPropertyDescriptor(object, '__proto__')?.value, 'x')
    assert.equal(JSON.stringify(map), '{"a":["1","2","3"],"set-cookie":["c=1"],"__proto__":"x"}')
    assert.equal(map.toHeaders().get('a'), '1, 2, 3')
    assert.match(inspect(map), /^HTTPHeaderMap \[\s+\[ 'A', '1' \]/)
    assert.equal(String(map), '[object HTTPHeaderMap]')
  })

  test('names and values that are no text are refused, by name', () => {
    assert.throws(() => new HTTPHeaderMap([['a', Symbol('x') as never]]), /"a" is not text/)
    assert.throws(() => new HTTPHeaderMap().append(1 as never, 'x'), /name of a header must be text/)
    assert.throws(() => new HTTPHeaderMap(7 as never), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
    assert.throws(() => new HTTPHeaderMap(['odd'] as never), /even number/)
    assert.throws(
      () => new HTTPHeaderMap([['a', 'b']]).replace(undefined as never, 'x'),
      /name of a header must be text/,
    )
    assert.throws(() => new HTTPHeaderMap(Promise.resolve({ a: 'b' }) as never), /from a promise/)
  })

  test('the map keeps every line of a field', () => {
    const map = new HTTPHeaderMap(Array.from({ length: 200_000 }, (_, n): [string, string] => ['a', String(n)]))
    assert.equal(map.delete('b'), false)
    assert.equal(map.size, 200_000)
    assert.equal(map.delete('A'), true)
    assert.equal(map.size, 0)
  })

  test('raw lines make the same map again, whatever they are', () => {
    const line = fc.tuple(fc.string({ minLength: 1 }), fc.string())
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const map = new HTTPHeaderMap(lines)
        assert.ok(new HTTPHeaderMap(map.toFlat()).equals(map))
        assert.equal([...map].length, map.size)
        for (const [name] of lines) assert.ok(map.get(name).length > 0)
      }),
    )
  })
})
