import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HyperError, InvalidArgumentError } from '../../src/errors.ts'
import {
  BadWeightError,
  DeadlockError,
  DuplicateStreamError,
  MissingStreamError,
  PriorityError,
  PriorityLoop,
  PriorityTree,
  PseudoStreamError,
  TooManyStreamsError,
} from '../../src/priority/index.ts'

function turns(tree: PriorityTree, count: number): number[] {
  return Array.from({ length: count }, () => tree.next().value)
}

/** A tree of siblings with these weights, ids 1, 3, 5 ... */
function siblings(...weights: number[]): PriorityTree {
  const tree = new PriorityTree()
  weights.forEach((weight, i) => {
    tree.insertStream(2 * i + 1, { weight })
  })
  return tree
}

describe('PriorityTree', () => {
  it('PriorityTree shares turns by weight', () => {
    const tree = siblings(4, 2, 1)
    const given = turns(tree, 700)
    const shares = [1, 3, 5].map((id) => given.filter((other) => other === id).length)
    for (const [i, share] of [400, 200, 100].entries()) assert.ok(Math.abs(shares[i] - share) <= 1, `${shares}`)
  })

  it('chooses nothing twice in a row among equals', () => {
    assert.deepEqual(turns(siblings(16, 16, 16), 6), [1, 3, 5, 1, 3, 5])
  })

  it('prefers a stream to what depends on it, until it is blocked', () => {
    const tree = siblings(16)
    tree.insertStream(3, { dependsOn: 1 })
    assert.deepEqual(turns(tree, 2), [1, 1])
    tree.block(1)
    assert.deepEqual(turns(tree, 2), [3, 3])
    tree.unblock(1)
    assert.deepEqual(turns(tree, 2), [1, 1])
  })

  it('PriorityTree gives the share of a blocked stream to its children', () => {
    const tree = siblings(64, 32)
    tree.insertStream(5, { dependsOn: 1, weight: 1 })
    tree.insertStream(7, { dependsOn: 1, weight: 1 })
    tree.block(1)
    const given = turns(tree, 600)
    assert.equal(given.filter((id) => id === 3).length, 200)
    assert.equal(given.filter((id) => id === 5).length, 200)
  })

  it('PriorityTree lets no stream save up turns while it is blocked', () => {
    const tree = siblings(16, 16)
    tree.block(1)
    turns(tree, 1000)
    tree.unblock(1)
    const ours = turns(tree, 100).filter((id) => id === 1).length
    assert.ok(ours >= 49 && ours <= 51, `${ours}`)
  })

  it('PriorityTree lets no stream gain turns by blocking and unblocking', () => {
    const tree = siblings(16, 16)
    let ours = 0
    for (let i = 0; i < 100; i++) {
      tree.block(1)
      tree.unblock(1)
      if (tree.next().value === 1) ours++
    }
    assert.equal(ours, 50)
  })

  it('PriorityTree throws DeadlockError when nothing can be chosen', () => {
    const tree = siblings(16)
    assert.equal(tree.ready, true)
    tree.block(1)
    tree.block(1)
    assert.equal(tree.ready, false)
    assert.throws(() => tree.next(), DeadlockError)
    assert.throws(() => new PriorityTree().next(), DeadlockError)
    tree.unblock(1)
    assert.equal(tree.next().value, 1)
  })

  it('PriorityTree can be iterated', () => {
    const tree = siblings(16, 16)
    const seen: number[] = []
    for (const id of tree) {
      seen.push(id)
      if (seen.length === 4) break
    }
    assert.deepEqual(seen, [1, 3, 1, 3])
  })

  it('inserts exclusively between a parent and its children', () => {
    const tree = siblings(16, 32)
    tree.insertStream(5, { exclusive: true, weight: 7 })
    assert.deepEqual(tree.get(5), { dependsOn: 0, weight: 7, blocked: false })
    assert.deepEqual(tree.get(1), { dependsOn: 5, weight: 16, blocked: false })
    assert.deepEqual(tree.get(3), { dependsOn: 5, weight: 32, blocked: false })
    tree.block(5)
    assert.deepEqual(turns(tree, 3), [1, 3, 3])
  })

  it('moves a stream with all that depends on it', () => {
    const tree = siblings(16, 16)
    tree.insertStream(5, { dependsOn: 3 })
    tree.reprioritize(3, { dependsOn: 1, weight: 9 })
    assert.deepEqual(tree.get(3), { dependsOn: 1, weight: 9, blocked: false })
    assert.equal(tree.get(5)?.dependsOn, 3)
    assert.deepEqual(turns(tree, 2), [1, 1])
    tree.reprioritize(3, { exclusive: true })
    assert.equal(tree.get(1)?.dependsOn, 3)
    assert.equal(tree.get(5)?.dependsOn, 3)
  })

  it('moves a stream under its own descendant as RFC 7540 section 5.3.3 shows', () => {
    // The figure: x > A > (B, C > (D > ..., E)); A is made dependent on D.
    const figure = () => {
      const tree = new PriorityTree()
      tree.insertStream(1)
      tree.insertStream(3, { dependsOn: 1 })
      tree.insertStream(5, { dependsOn: 1 })
      tree.insertStream(7, { dependsOn: 5, weight: 99 })
      tree.insertStream(9, { dependsOn: 5 })
      tree.insertStream(11, { dependsOn: 7 })
      return tree
    }
    const parents = (tree: PriorityTree) => [1, 3, 5, 7, 9, 11].map((id) => tree.get(id)?.dependsOn)
    const shared = figure()
    shared.reprioritize(1, { dependsOn: 7 })
    assert.deepEqual(parents(shared), [7, 1, 1, 0, 5, 7])
    assert.equal(shared.get(7)?.weight, 99)
    const exclusive = figure()
    exclusive.reprioritize(1, { dependsOn: 7, exclusive: true })
    assert.deepEqual(parents(exclusive), [7, 1, 1, 0, 5, 1])
  })

  it('changes a weight in place', () => {
    const tree = siblings(1, 256)
    turns(tree, 2)
    tree.reprioritize(1, { weight: 256 })
    assert.equal(turns(tree, 10).filter((id) => id === 1).length, 5)
  })

  it('PriorityTree gives the children of a removed stream to its parent, with its weight', () => {
    const tree = siblings(32)
    tree.insertStream(3, { dependsOn: 1, weight: 30 })
    tree.insertStream(5, { dependsOn: 1, weight: 10 })
    tree.insertStream(7, { dependsOn: 1, weight: 1 })
    tree.removeStream(1)
    assert.deepEqual(
      [3, 5, 7].map((id) => tree.get(id)?.weight),
      [23, 8, 1],
    )
    assert.deepEqual(
      [3, 5, 7].map((id) => tree.get(id)?.dependsOn),
      [0, 0, 0],
    )
    assert.equal(tree.size, 3)
    assert.equal(tree.get(1), undefined)
  })
})

describe('placeholders', () => {
  it('stand for parents that are not in the tree, blocked', () => {
    const tree = new PriorityTree()
    tree.insertStream(3, { dependsOn: 1 })
    assert.equal(tree.size, 2)
    assert.equal(tree.get(1), undefined)
    assert.equal(tree.next().value, 3)
    for (const operation of ['block', 'unblock', 'removeStream', 'reprioritize'] as const) {
      assert.throws(() => tree[operation](1), MissingStreamError)
    }
  })

  it('placeholders become streams when these are inserted', () => {
    const tree = new PriorityTree()
    tree.insertStream(3, { dependsOn: 1 })
    tree.insertStream(1, { weight: 5 })
    assert.deepEqual(tree.get(1), { dependsOn: 0, weight: 5, blocked: false })
    assert.equal(tree.next().value, 1)
    assert.equal(tree.size, 2)
  })

  it('placeholders are freed when nothing depends on them', () => {
    const tree = new PriorityTree({ maximumStreams: 4 })
    for (let id = 1; id < 20_000; id += 4) {
      tree.insertStream(id, { dependsOn: id + 2 })
      tree.removeStream(id)
    }
    assert.equal(tree.size, 0)
    tree.insertStream(1, { dependsOn: 3 })
    tree.reprioritize(1, { dependsOn: 5 })
    assert.equal(tree.size, 2)
    tree.reprioritize(1)
    assert.equal(tree.size, 1)
  })

  it('placeholders are freed one through another', () => {
    const tree = new PriorityTree()
    tree.insertStream(9, { dependsOn: 7 })
    tree.insertStream(5, { dependsOn: 3 })
    // 7 comes under 5, and, 5 gone, under 3.
    tree.reprioritize(5, { exclusive: true })
    tree.reprioritize(5, { dependsOn: 3, exclusive: true })
    tree.removeStream(5)
    assert.equal(tree.size, 3)
    tree.removeStream(9)
    assert.equal(tree.size, 0)
  })

  it('placeholders are freed when their last child takes the place of a stream that is to depend on it', () => {
    const tree = new PriorityTree()
    tree.insertStream(4, { dependsOn: 1 })
    tree.insertStream(3, { exclusive: true })
    assert.equal(tree.size, 3)
    tree.reprioritize(3, { dependsOn: 4 })
    assert.deepEqual([tree.get(3)?.dependsOn, tree.get(4)?.dependsOn, tree.size], [4, 0, 2])
  })
})

describe('limits and errors', () => {
  it('allows 1000 streams by default', () => {
    const tree = new PriorityTree()
    assert.equal(tree.maximumStreams, 1000)
    for (let id = 1; id <= 1000; id++) tree.insertStream(id)
    assert.throws(
      () => tree.insertStream(1001),
      (error: unknown) => {
        assert.ok(error instanceof TooManyStreamsError)
        assert.equal(error.limit, 1000)
        return true
      },
    )
    tree.removeStream(1)
    tree.insertStream(1001)
  })

  it('the limit of a PriorityTree counts placeholders', () => {
    const tree = new PriorityTree({ maximumStreams: 3 })
    tree.insertStream(1)
    tree.insertStream(3)
    assert.throws(() => tree.insertStream(5, { dependsOn: 7 }), TooManyStreamsError)
    tree.insertStream(5)
    assert.throws(() => tree.reprioritize(5, { dependsOn: 7 }), TooManyStreamsError)
    assert.equal(tree.size, 3)
    tree.removeStream(3)
    tree.reprioritize(5, { dependsOn: 7 })
    // At the limit, but the placeholder 7 makes room for 9.
    tree.reprioritize(5, { dependsOn: 9 })
    assert.equal(tree.size, 3)
    tree.insertStream(9)
    assert.throws(() => tree.reprioritize(9, { dependsOn: 11 }), TooManyStreamsError)
    assert.equal(tree.get(9)?.dependsOn, 0)
  })

  it('each wrong call of a PriorityTree throws its own error', () => {
    const tree = siblings(16)
    const cases: [() => void, new (...args: never[]) => HyperError, string][] = [
      [() => tree.insertStream(1), DuplicateStreamError, 'ERR_HYPER_PRIORITY_DUPLICATE_STREAM'],
      [() => tree.insertStream(3, { dependsOn: 3 }), PriorityLoop, 'ERR_HYPER_PRIORITY_LOOP'],
      [() => tree.reprioritize(1, { dependsOn: 1 }), PriorityLoop, 'ERR_HYPER_PRIORITY_LOOP'],
      [() => tree.reprioritize(3), MissingStreamError, 'ERR_HYPER_PRIORITY_MISSING_STREAM'],
      [() => tree.removeStream(3), MissingStreamError, 'ERR_HYPER_PRIORITY_MISSING_STREAM'],
      [() => tree.block(3), MissingStreamError, 'ERR_HYPER_PRIORITY_MISSING_STREAM'],
      [() => tree.unblock(3), MissingStreamError, 'ERR_HYPER_PRIORITY_MISSING_STREAM'],
      [() => tree.insertStream(0), PseudoStreamError, 'ERR_HYPER_PRIORITY_PSEUDO_STREAM'],
      [() => tree.reprioritize(0), PseudoStreamError, 'ERR_HYPER_PRIORITY_PSEUDO_STREAM'],
      [() => tree.removeStream(0), PseudoStreamError, 'ERR_HYPER_PRIORITY_PSEUDO_STREAM'],
      [() => tree.insertStream(3, { weight: 0 }), BadWeightError, 'ERR_HYPER_PRIORITY_BAD_WEIGHT'],
      [() => tree.insertStream(3, { weight: 257 }), BadWeightError, 'ERR_HYPER_PRIORITY_BAD_WEIGHT'],
      [() => tree.reprioritize(1, { weight: 1.5 }), BadWeightError, 'ERR_HYPER_PRIORITY_BAD_WEIGHT'],
      [() => tree.insertStream(-1), InvalidArgumentError, 'ERR_HYPER_INVALID_ARGUMENT'],
      [() => tree.insertStream(2 ** 31), InvalidArgumentError, 'ERR_HYPER_INVALID_ARGUMENT'],
      [() => tree.insertStream(1, { dependsOn: 1.5 }), InvalidArgumentError, 'ERR_HYPER_INVALID_ARGUMENT'],
      [() => new PriorityTree({ maximumStreams: 0 }), InvalidArgumentError, 'ERR_HYPER_INVALID_ARGUMENT'],
      [() => new PriorityTree({ maximumStreams: 1.5 }), InvalidArgumentError, 'ERR_HYPER_INVALID_ARGUMENT'],
    ]
    for (const [call, kind, code] of cases) {
      assert.throws(call, (error: unknown) => {
        assert.ok(error instanceof kind && error instanceof HyperError)
        assert.equal(error.code, code)
        if (kind !== InvalidArgumentError) assert.ok(error instanceof PriorityError)
        return true
      })
    }
    assert.equal(tree.size, 1)
  })

  it('a PriorityTree has no stream 0 to look at', () => {
    assert.equal(new PriorityTree().get(0), undefined)
  })
})

describe('deep and wide trees', () => {
  it('PriorityTree goes down a chain of 998 streams', () => {
    const tree = new PriorityTree()
    for (let id = 1; id <= 998; id++) tree.insertStream(id, { dependsOn: id - 1 })
    for (let id = 1; id < 998; id++) tree.block(id)
    assert.deepEqual(turns(tree, 2), [998, 998])
    for (let id = 1; id < 998; id++) tree.removeStream(id)
    assert.equal(tree.get(998)?.dependsOn, 0)
  })

  it('moves streams under a chain of 150, and a chain under its own end', () => {
    const tree = new PriorityTree()
    for (let id = 1; id <= 150; id++) tree.insertStream(id, { dependsOn: id - 1 })
    tree.insertStream(151)
    tree.reprioritize(151, { dependsOn: 150 })
    assert.equal(tree.get(151)?.dependsOn, 150)
    tree.reprioritize(1, { dependsOn: 151 })
    assert.equal(tree.get(151)?.dependsOn, 0)
    assert.equal(tree.get(1)?.dependsOn, 151)
  })

  it('PriorityTree does not visit subtrees without unblocked streams', () => {
    const tree = new PriorityTree({ maximumStreams: 100_000 })
    for (let id = 1; id < 50_000; id++) {
      tree.insertStream(id, { dependsOn: id % 5 === 0 ? id - 1 : 0 })
      tree.block(id)
    }
    tree.insertStream(99_999)
    for (let i = 0; i < 200_000; i++) assert.equal(tree.next().value, 99_999)
  })
})
