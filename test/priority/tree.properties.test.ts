import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Dependency, PriorityError, PriorityTree } from '../../src/priority/index.ts'
import { fc, runs } from '../support/property.ts'

/** The same rules, written the plainest way: everything is looked for anew each time. */
class Naive {
  readonly limit: number
  streams: { id: number; parent: number; weight: number; active: boolean; placeholder: boolean }[] = []

  constructor(limit: number) {
    this.limit = limit
  }

  of(id: number) {
    return this.streams.find((stream) => stream.id === id)
  }

  children(id: number) {
    return this.streams.filter((stream) => stream.parent === id)
  }

  known(id: number): boolean {
    return id !== 0 && this.of(id)?.placeholder === false
  }

  below(id: number, other: number): boolean {
    for (let at = this.of(id); at !== undefined; at = this.of(at.parent)) if (at.parent === other) return true
    return false
  }

  /** False, and nothing changed, when the rules forbid it. */
  insert(id: number, dependency: Required<Dependency>): boolean {
    if (id === 0 || this.known(id) || !this.put(id, dependency, true)) return false
    return true
  }

  reprioritize(id: number, dependency: Required<Dependency>): boolean {
    return this.known(id) && this.put(id, dependency, false)
  }

  put(id: number, { dependsOn, weight, exclusive }: Required<Dependency>, insert: boolean): boolean {
    if (dependsOn === id) return false
    const saved = this.streams.map((stream) => ({ ...stream }))
    let stream = this.of(id)
    if (stream === undefined) {
      stream = { id, parent: 0, weight, active: true, placeholder: false }
      this.streams.push(stream)
    }
    if (insert) Object.assign(stream, { active: true, placeholder: false })
    let parent = this.of(dependsOn)
    if (parent === undefined && dependsOn !== 0) {
      parent = { id: dependsOn, parent: 0, weight: 16, active: false, placeholder: true }
      this.streams.push(parent)
    }
    if (parent !== undefined && this.below(dependsOn, id)) parent.parent = stream.parent
    stream.parent = -1
    if (exclusive) for (const child of this.children(dependsOn)) child.parent = id
    stream.parent = dependsOn
    stream.weight = weight
    this.prune()
    if (this.streams.length <= this.limit) return true
    this.streams = saved
    return false
  }

  remove(id: number): boolean {
    const stream = this.of(id)
    if (stream === undefined || stream.placeholder) return false
    const children = this.children(id)
    const sum = children.reduce((total, { weight }) => total + weight, 0)
    for (const child of children) {
      child.parent = stream.parent
      child.weight = Math.max(1, Math.round((stream.weight * child.weight) / sum))
    }
    this.streams = this.streams.filter((other) => other !== stream)
    this.prune()
    return true
  }

  prune(): void {
    const length = this.streams.length
    this.streams = this.streams.filter((stream) => !stream.placeholder || this.children(stream.id).length > 0)
    if (this.streams.length < length) this.prune()
  }

  setActive(id: number, active: boolean): boolean {
    const stream = this.of(id)
    if (stream === undefined || stream.placeholder) return false
    stream.active = active
    return true
  }

  /** Streams that could be chosen: not blocked, every ancestor blocked. */
  eligible(): number[] {
    const free = (id: number): boolean => {
      const stream = this.of(id)
      return stream === undefined || (!stream.active && free(stream.parent))
    }
    return this.streams.filter(({ active, parent }) => active && free(parent)).map(({ id }) => id)
  }
}

const id = fc.integer({ min: 0, max: 14 })
const dependency = fc.record({ dependsOn: id, weight: fc.integer({ min: 1, max: 256 }), exclusive: fc.boolean() })
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('insert' as const), id, dependency }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reprioritize' as const), id, dependency }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('remove', 'block', 'unblock'), id, dependency }) },
)

function allowed(call: () => void): boolean {
  try {
    call()
    return true
  } catch (error) {
    assert.ok(error instanceof PriorityError)
    return false
  }
}

describe('PriorityTree, by its properties', () => {
  it('PriorityTree does as a naive model does, for any operations', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const tree = new PriorityTree({ maximumStreams: 10 })
        const model = new Naive(10)
        for (const { kind, id, dependency } of operations) {
          const [real, expected] = {
            insert: () => [allowed(() => tree.insertStream(id, dependency)), model.insert(id, dependency)],
            reprioritize: () => [allowed(() => tree.reprioritize(id, dependency)), model.reprioritize(id, dependency)],
            remove: () => [allowed(() => tree.removeStream(id)), model.remove(id)],
            block: () => [allowed(() => tree.block(id)), model.setActive(id, false)],
            unblock: () => [allowed(() => tree.unblock(id)), model.setActive(id, true)],
          }[kind as 'insert']()
          assert.equal(real, expected, `${kind} ${id}`)
          assert.equal(tree.size, model.streams.length)
          for (const { id, parent, weight, active, placeholder } of model.streams) {
            const state = placeholder ? undefined : { dependsOn: parent, weight, blocked: !active }
            assert.deepEqual(tree.get(id), state)
          }
          const eligible = model.eligible()
          assert.equal(tree.ready, eligible.length > 0)
          if (eligible.length > 0) assert.ok(eligible.includes(tree.next().value))
        }
        // Within 256 turns a level (weights of 1 beside 256), whoever can be chosen has been.
        const eligible = new Set(model.eligible())
        for (let i = 0; i < 200_000 && eligible.size > 0; i++) eligible.delete(tree.next().value)
        assert.equal(eligible.size, 0)
      }),
      runs(150),
    )
  })

  it('PriorityTree is fair between siblings to one turn of each, over any stretch', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 2, maxLength: 12 })
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 3000 }), fc.nat(500), (given, count, before) => {
        const tree = new PriorityTree()
        given.forEach((weight, i) => {
          tree.insertStream(i + 1, { weight })
        })
        for (let i = 0; i < before; i++) tree.next()
        const had = given.map(() => 0)
        for (let i = 0; i < count; i++) had[tree.next().value - 1]++
        for (let a = 0; a < given.length; a++) {
          for (let b = 0; b < a; b++) {
            const difference = Math.abs(had[a] / given[a] - had[b] / given[b])
            assert.ok(difference <= 1 / given[a] + 1 / given[b] + 1e-9, `${given[a]} ${given[b]}: ${difference}`)
          }
        }
      }),
      runs(100),
    )
  })
})
