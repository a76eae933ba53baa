import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bag, type Bagged } from '../src/bag.ts'

class Member implements Bagged {
  place = -1
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

const names = (bag: Bag<Member>): string[] =>
  bag
    .all()
    .map(({ name }) => name)
    .sort()

describe('bag', () => {
  test('has what was added until it is deleted, whichever member goes first', () => {
    const members = ['a', 'b', 'c', 'd'].map((name) => new Member(name))
    for (const first of members) {
      const bag = new Bag<Member>()
      for (const member of members) bag.add(member)
      bag.delete(first)
      assert.equal(bag.size, 3)
      assert.equal(bag.has(first), false)
      assert.equal(first.place, -1)
      assert.deepEqual(
        names(bag),
        members.map(({ name }) => name).filter((name) => name !== first.name),
      )
      for (const member of members) bag.delete(member)
      assert.equal(bag.size, 0)
    }
  })

  test('has a member once, however many times it is added, and does nothing when it deletes one that it has not', () => {
    const bag = new Bag<Member>()
    const other = new Bag<Member>()
    const [a, b] = [new Member('a'), new Member('b')]
    bag.add(a)
    bag.add(a)
    other.add(b)
    bag.delete(b)
    assert.deepEqual(names(bag), ['a'])
    assert.deepEqual(names(other), ['b'])
  })

  test('may change while somebody goes through its members', () => {
    const bag = new Bag<Member>()
    for (const name of ['a', 'b', 'c']) bag.add(new Member(name))
    const seen: string[] = []
    for (const member of bag.all()) {
      seen.push(member.name)
      bag.delete(member)
      bag.add(new Member('late'))
    }
    assert.deepEqual(seen, ['a', 'b', 'c'])
    assert.deepEqual(names(bag), ['late', 'late', 'late'])
  })
})
