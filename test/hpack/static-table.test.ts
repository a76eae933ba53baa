import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STATIC_BY_NAME, STATIC_NAMES, STATIC_TABLE_LENGTH, STATIC_VALUES } from '../../src/hpack/static-table.ts'
import { APPENDIX_A } from './reference.ts'

test('the static table is that of appendix A, entry by entry', () => {
  assert.equal(APPENDIX_A.length, STATIC_TABLE_LENGTH)
  assert.deepEqual(
    STATIC_NAMES.slice(1).map((name, i) => [name, STATIC_VALUES[i + 1]]),
    APPENDIX_A.map((entry) => [...entry]),
  )
})

test('looking up by name gives the lowest index, and each value its own', () => {
  assert.equal(STATIC_BY_NAME.get(':status')?.index, 8)
  assert.equal(STATIC_BY_NAME.get(':status')?.values?.get('404'), 13)
  assert.equal(STATIC_BY_NAME.get(':status')?.empty, 0)
  assert.equal(STATIC_BY_NAME.get('www-authenticate')?.index, 61)
  assert.equal(STATIC_BY_NAME.get('www-authenticate')?.empty, 61)
  assert.equal(STATIC_BY_NAME.get('x-unknown'), undefined)
})
