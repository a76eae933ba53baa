import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Schedulable, Scheduler } from '../../src/priority/index.ts'
import { fc } from '../support/property.ts'

class Member implements Schedulable {
  readonly name: string
  urgency: number
  incremental: boolean
  next: Schedulable | null = null
  scheduled = false

  constructor(name: string, urgency = 3, incremental = false) {
    this.name = name
    this.urgency = urgency
    this.incremental = incremental
  }
}

function turns(scheduler: Scheduler<Member>, count: number): string {
  let names = ''
  for (let i = 0; i < count; i++) {
    const head = scheduler.head()
    if (head === null) break
    names += head.name
    scheduler.rotate(head)
  }
  return names
}

function scheduled(...members: Member[]): Scheduler<Member> {
  const scheduler = new Scheduler<Member>()
  for (const member of members) scheduler.add(member)
  return scheduler
}

describe('Scheduler', () => {
  it('Scheduler is empty at first', () => {
    const scheduler = new Scheduler<Member>()
    assert.equal(scheduler.empty, true)
    assert.equal(scheduler.head(), null)
  })

  it('Scheduler serves lower urgencies first', () => {
    const urgent = new Member('u', 0)
    const scheduler = scheduled(new Member('l', 7), new Member('m'), urgent)
    assert.equal(turns(scheduler, 2), 'uu')
    scheduler.remove(urgent)
    assert.equal(turns(scheduler, 2), 'mm')
    assert.equal(scheduler.empty, false)
  })

  it('Scheduler lets incremental members take turns', () => {
    const scheduler = scheduled(new Member('a', 3, true), new Member('b', 3, true), new Member('c', 3, true))
    assert.equal(turns(scheduler, 7), 'abcabca')
  })

  it('Scheduler lets a member that is not incremental keep its turn', () => {
    const first = new Member('a')
    const scheduler = scheduled(first, new Member('b', 3, true), new Member('c', 3, true))
    assert.equal(turns(scheduler, 3), 'aaa')
    scheduler.remove(first)
    assert.equal(turns(scheduler, 4), 'bcbc')
  })

  it('adds and removes a member once', () => {
    const a = new Member('a', 3, true)
    const scheduler = scheduled(a, a, new Member('b', 3, true))
    assert.equal(turns(scheduler, 4), 'abab')
    scheduler.remove(a)
    scheduler.remove(a)
    assert.equal(turns(scheduler, 2), 'bb')
  })

  it('removes members from the middle and the end of a ring', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => new Member(name, 3, true))
    const scheduler = scheduled(a, b, c, d)
    scheduler.remove(c)
    scheduler.remove(d)
    assert.equal(turns(scheduler, 4), 'abab')
    scheduler.remove(b)
    scheduler.remove(a)
    assert.equal(scheduler.empty, true)
    assert.equal(scheduler.head(), null)
  })

  it('moves a member to another urgency, scheduled or not', () => {
    const a = new Member('a', 3, true)
    const idle = new Member('i')
    const scheduler = scheduled(a, new Member('b', 3, true))
    scheduler.reprioritize(a, 1, false)
    scheduler.reprioritize(idle, 0, true)
    assert.equal(idle.urgency, 0)
    assert.equal(turns(scheduler, 2), 'aa')
    scheduler.reprioritize(a, 1, true)
    assert.equal(a.incremental, true)
    assert.equal(turns(scheduler, 1), 'a')
  })

  it('Scheduler does as a list of members would', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 7 }), fc.nat(3), fc.boolean())
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const members = Array.from({ length: 6 }, (_, i) => new Member(`${i}`, i % 3, i % 2 === 0))
        const scheduler = new Scheduler<Member>()
        let model: Member[] = []
        for (const [index, urgency, action, incremental] of steps) {
          const member = members[index]
          const without = model.filter((other) => other !== member)
          if (action === 0) {
            scheduler.add(member)
            if (!model.includes(member)) model.push(member)
          } else if (action === 1) {
            scheduler.remove(member)
            model = without
          } else if (action === 2) {
            if (model.includes(member) && member.urgency !== urgency) model = [...without, member]
            scheduler.reprioritize(member, urgency, incremental)
          }
          const expected = [...model].sort((a, b) => a.urgency - b.urgency)[0] ?? null
          const head = scheduler.head()
          assert.equal(head, expected)
          assert.equal(scheduler.empty, model.length === 0)
          if (action === 3 && head !== null) {
            scheduler.rotate(head)
            if (head.incremental) model = [...model.filter((other) => other !== head), head]
          }
        }
      }),
    )
  })
})
