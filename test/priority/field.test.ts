import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DEFAULT_PRIORITY, parsePriority, serializePriority } from '../../src/priority/index.ts'
import { fc, runs } from '../support/property.ts'

const at = (urgency: number, incremental = false) => ({ urgency, incremental })

function same(cases: Record<string, { urgency: number; incremental: boolean }>): void {
  for (const [text, expected] of Object.entries(cases)) {
    assert.deepEqual({ ...parsePriority(text) }, expected, JSON.stringify(text))
  }
}

describe('parsePriority', () => {
  it('parsePriority reads urgency and incremental in any order', () => {
    same({ 'u=0': at(0), i: at(3, true), 'u=5, i': at(5, true), 'i,u=7': at(7, true), 'i=?1': at(3, true) })
    same({ 'i=?0': at(3), 'u=1 ,\t i ': at(1, true), '  u=2': at(2) })
  })

  it('parsePriority reads integers as structured fields write them', () => {
    same({ 'u=07': at(7), 'u=-0': at(0), 'u=000000000000001': at(1) })
  })

  it('parsePriority gives the defaults for the empty value', () => {
    same({ '': at(3), '   ': at(3) })
  })

  it('parsePriority ignores values out of range or of another type', () => {
    same({ 'u=8, i': at(3, true), 'u=-1': at(3), 'u=3.5': at(3), 'u=1.0': at(3), 'u="1"': at(3), 'u=a1': at(3) })
    same({ u: at(3), 'u=?1': at(3), 'u=@1': at(3), 'u=(1)': at(3), 'u=:AQ==:': at(3), 'u=%"1"': at(3) })
    same({ 'i=1, u=1': at(1), 'i="?1"': at(3), 'i=()': at(3), 'i=true': at(3) })
  })

  it('parsePriority lets the later of two members count, even where it is ignored', () => {
    same({ 'u=1, u=6': at(6), 'i, i=?0': at(3), 'u=1, u=9': at(3), 'i, i=1': at(3) })
  })

  it('parsePriority ignores unknown members and all parameters', () => {
    same({ 'a=1, u=4, *x.y_z-1*=tok/en:!': at(4), 'u=4;u=1;i, i;a=?0;b="x"': at(4, true), 'u=4; q=0.5;w': at(4) })
  })

  it('parsePriority takes nothing inside of other types for a member', () => {
    same({ 'a="u=1, i", u=2': at(2), 'a="\\", u=1, \\\\", i': at(3, true), 'a=(u i "u=1, i);";x=1 ?1);i, u=6': at(6) })
    same({ 'a=:dT0x:, u=5': at(5), 'a=%"u=1, %c3%bc i", u=5': at(5), 'a=-12.125, u=5': at(5) })
    same({ 'a=@-86400, u=5': at(5), 'a=!:/, u=5': at(3), "a=A!#$%&'*+-.^_`|~:/9, u=5": at(5), 'a=( ), u=5': at(5) })
  })

  it('a priority field that is not a dictionary gives the defaults', () => {
    const broken = [
      'u=1,',
      'u=1,,i',
      ',u=1',
      'u=1 i',
      'u= 1',
      'u =1',
      'U=1',
      'u=1;',
      'u=1;A',
      'u=1;a=',
      'u=1;a=é',
      '=1',
    ]
    broken.push('u=1, a="', 'u=1, a="\\x"', 'u=1, a="\\', 'u=1, a="\x7f"', 'u=1, a=:é:', 'u=1, a=:AQ', 'u=1, a=(1')
    broken.push('u=1, a=(1"x")', 'u=1, a=(1;A)', 'u=1, a=(é)', 'u=1, a=?', 'u=1, a=?2', 'u=1, a=-', 'u=1, a=--1')
    broken.push('u=1, a=1.', 'u=1, a=1.2345', 'u=1, a=1234567890123.1', 'u=1, a=1234567890123456', 'u=1, a=@1.5')
    broken.push(
      'u=1, a=@',
      'u=1, a=%',
      'u=1, a=%"',
      'u=1, a=%"%C3"',
      'u=1, a=%"%ff"',
      'u=1, a=%"\t"',
      'u=1, a=',
      'u=1\t',
    )
    broken.push('u=1, a=\x7f', 'u=1, a={', '\tu=1', 'u=1\t, i, \t')
    for (const text of broken) assert.equal(parsePriority(text), DEFAULT_PRIORITY, JSON.stringify(text))
  })

  it('never throws and stays within its ranges, whatever the text', () => {
    const piece = fc.constantFrom(
      'u',
      'i',
      '=',
      ',',
      ' ',
      ';',
      '"',
      '(',
      ')',
      '1',
      '9',
      '?1',
      ':',
      '%"',
      '\\',
      '@',
      '.',
      '-',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 30 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (value) => {
        const { urgency, incremental } = parsePriority(value)
        assert.ok(Number.isInteger(urgency) && urgency >= 0 && urgency <= 7)
        assert.equal(typeof incremental, 'boolean')
      }),
      runs(500),
    )
  })

  it('parsePriority takes time linear in the text', () => {
    const long = `${'a=("x" 1;b=2), '.repeat(50_000)}u=1`
    assert.equal(parsePriority(long).urgency, 1)
  })
})

describe('serializePriority', () => {
  it('serializePriority leaves out what is at its default', () => {
    assert.equal(serializePriority({}), '')
    assert.equal(serializePriority({ urgency: 3, incremental: false }), '')
    assert.equal(serializePriority({ urgency: 0 }), 'u=0')
    assert.equal(serializePriority({ incremental: true }), 'i')
    assert.equal(serializePriority({ urgency: 5, incremental: true }), 'u=5, i')
  })

  it('serializePriority refuses urgencies that there are not', () => {
    for (const urgency of [-1, 8, 1.5, Number.NaN])
      assert.throws(() => serializePriority({ urgency }), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
  })

  it('serializePriority is undone by parsePriority', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), fc.boolean(), (urgency, incremental) => {
        assert.deepEqual({ ...parsePriority(serializePriority({ urgency, incremental })) }, { urgency, incremental })
      }),
    )
  })
})
