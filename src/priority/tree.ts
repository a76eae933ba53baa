/**
 * The tree of dependencies and weights of RFC 7540 section 5.3, and the choice of the next stream by it.
 *
 * Rules
 * - A stream that is not blocked goes before everything that depends on it; siblings share what their parent leaves them in
 *   proportion to their weights.
 * - A stream may depend on one that is not in the tree: a placeholder, blocked, at the default priority, stands for it
 *   (section 5.3.1). It counts against the limit, becomes a stream when that is inserted, and is freed as soon as nothing
 *   depends on it.
 * - Whoever removes a stream gives its children to its parent, with the weight of the stream shared out among them in
 *   proportion to theirs (section 5.3.4).
 *
 * Theory of operation
 * - Start-time fair queueing at every node: a child carries the virtual time at which its next turn starts, the least goes
 *   first, and a turn moves it on by 1 / weight. A node's clock is the start of the last turn it gave; who becomes ready
 *   starts at that clock, so that being blocked saves up nothing. Between any two siblings that stay ready the difference
 *   of turns / weight is never more than the sum of both 1 / weight.
 * - A child is in its parent's heap exactly while its subtree has an unblocked stream: a choice costs the depth of the
 *   stream chosen (times the logarithm of the ready siblings), whatever else is in the tree.
 */
import { InvalidArgumentError } from '../errors.ts'
import { MAX_PRIORITY_STREAMS } from '../limits.ts'
import { refuseUnknown } from '../option-names.ts'
import {
  BadWeightError,
  DeadlockError,
  DuplicateStreamError,
  MissingStreamError,
  PriorityLoop,
  PseudoStreamError,
  TooManyStreamsError,
} from './errors.ts'
import { type Ranked, ReadyHeap } from './ready-heap.ts'

/** RFC 7540 section 5.3.5. */
const DEFAULT_WEIGHT = 16

/** What a stream depends on (RFC 7540 section 5.3). */
export interface Dependency {
  /** The parent's id. Default 0, the root. */
  readonly dependsOn?: number
  /** 1 to 256. Default 16 (section 5.3.5). */
  readonly weight?: number
  /** Becomes the only child of its parent, and the parent's other children become its own. Default false. */
  readonly exclusive?: boolean
}

/** A stream as it stands in the tree. */
export interface StreamState {
  /** The identifier of its parent; 0: the root. */
  readonly dependsOn: number
  /** 1 to 256. */
  readonly weight: number
  /** It cannot be chosen. */
  readonly blocked: boolean
}

/** Options of a {@link PriorityTree}. */
export interface PriorityTreeOptions {
  /** Streams that the tree may have, placeholders counted. Default 1000, as in Python's priority library. */
  readonly maximumStreams?: number
}

const OPTIONS: ReadonlySet<string> = new Set(['maximumStreams'])

class Node implements Ranked {
  readonly id: number
  /** Null for the root, and for a node that is out of the tree. */
  parent: Node | null = null
  weight = DEFAULT_WEIGHT
  /** Is it a stream that is not blocked? */
  active = false
  /** Is it there only because others depend on it? */
  placeholder: boolean
  readonly children = new Set<Node>()
  /** The children in whose subtrees there is an unblocked stream. */
  readonly ready = new ReadyHeap<Node>()
  /** The start of the last turn that a child had. */
  clock = 0
  /** When its own next turn starts, by its parent's clock. */
  start = 0
  /** Where it stands in its parent's heap; -1 when it is not ready. */
  place = -1

  constructor(id: number, placeholder: boolean) {
    this.id = id
    this.placeholder = placeholder
  }
}

/** The dependency tree of RFC 7540 section 5.3, deprecated by RFC 9113: chooses the stream that may send next. */
export class PriorityTree implements Iterable<number> {
  /** The most streams that the tree may have, placeholders counted. */
  readonly maximumStreams: number
  private readonly root = new Node(0, false)
  private readonly nodes = new Map<number, Node>([[0, this.root]])

  /** @throws {InvalidArgumentError} when the limit is not a positive whole number, or another option is given. */
  constructor(options: PriorityTreeOptions = {}) {
    refuseUnknown(options, OPTIONS)
    const { maximumStreams = MAX_PRIORITY_STREAMS } = options
    if (!Number.isSafeInteger(maximumStreams) || maximumStreams < 1) {
      throw new InvalidArgumentError(`maximumStreams is ${maximumStreams}: it must be a positive whole number`)
    }
    this.maximumStreams = maximumStreams
  }

  /** Streams in the tree, placeholders counted. */
  get size(): number {
    return this.nodes.size - 1
  }

  /** Is there a stream to choose? When not, `next()` throws. */
  get ready(): boolean {
    return this.root.ready.size > 0
  }

  /** How a stream stands; `undefined` when it is not in the tree, or a placeholder. */
  get(streamId: number): StreamState | undefined {
    const node = this.nodes.get(streamId)
    if (node === undefined || node.placeholder || node.parent === null) return undefined
    return { dependsOn: node.parent.id, weight: node.weight, blocked: !node.active }
  }

  /**
   * Puts a stream into the tree, not blocked.
   * @throws {DuplicateStreamError} it is in the tree already.
   * @throws {TooManyStreamsError} there is no room for it, or for the placeholder of its parent.
   * @throws {PriorityLoop} it depends on itself.
   * @throws {BadWeightError} {PseudoStreamError} {InvalidArgumentError}
   */
  insertStream(streamId: number, dependency: Dependency = {}): void {
    checkDependency(streamId, dependency)
    const present = this.nodes.get(streamId)
    if (present !== undefined && !present.placeholder) throw new DuplicateStreamError(streamId)
    const { dependsOn = 0 } = dependency
    const needed = (present === undefined ? 1 : 0) + (this.nodes.has(dependsOn) ? 0 : 1)
    if (this.size + needed > this.maximumStreams && !this.freesOne(present, needed)) {
      throw new TooManyStreamsError(this.maximumStreams)
    }
    const node = present ?? new Node(streamId, false)
    node.placeholder = false
    this.nodes.set(streamId, node)
    this.place(node, dependency)
    this.activate(node, true)
  }

  /**
   * Gives a stream another parent or weight; what depends on it comes along. Its new parent may be one of its own
   * descendants, which then first takes the stream's place (RFC 7540 section 5.3.3).
   * @throws {MissingStreamError} it is not in the tree.
   * @throws {TooManyStreamsError} there is no room for the placeholder of its parent.
   * @throws {PriorityLoop} it depends on itself.
   * @throws {BadWeightError} {PseudoStreamError} {InvalidArgumentError}
   */
  reprioritize(streamId: number, dependency: Dependency = {}): void {
    checkDependency(streamId, dependency)
    const node = this.find(streamId)
    const { dependsOn = 0 } = dependency
    const needed = this.nodes.has(dependsOn) ? 0 : 1
    if (this.size + needed > this.maximumStreams && !this.freesOne(node, needed)) {
      throw new TooManyStreamsError(this.maximumStreams)
    }
    this.place(node, dependency)
  }

  /**
   * Takes a stream out; its children go to its parent.
   * @throws {MissingStreamError} it is not in the tree.
   * @throws {PseudoStreamError}
   */
  removeStream(streamId: number): void {
    const node = this.find(streamId)
    const parent = this.detach(node)
    this.nodes.delete(streamId)
    let sum = 0
    for (const child of node.children) sum += child.weight
    for (const child of node.children) {
      this.detach(child)
      child.weight = Math.max(1, Math.round((node.weight * child.weight) / sum))
      child.start = 0
      this.attach(child, parent)
    }
    this.free(parent)
  }

  /**
   * Keeps a stream from being chosen: it has nothing to send, or may not.
   * @throws {MissingStreamError} it is not in the tree.
   * @throws {PseudoStreamError}
   */
  block(streamId: number): void {
    this.activate(this.find(streamId), false)
  }

  /**
   * Lets a stream be chosen again.
   * @throws {MissingStreamError} it is not in the tree.
   * @throws {PseudoStreamError}
   */
  unblock(streamId: number): void {
    this.activate(this.find(streamId), true)
  }

  /**
   * The stream that may send next; it has then had its turn. Never done.
   * @throws {DeadlockError} no stream can be chosen.
   */
  next(): IteratorYieldResult<number> {
    let node = this.root
    while (!node.active) {
      const child = node.ready.first()
      if (child === undefined) throw new DeadlockError()
      node.clock = child.start
      child.start += 1 / child.weight
      node.ready.sink(child)
      node = child
    }
    return { value: node.id, done: false }
  }

  /** Chooses without end: `next()` again and again, which throws DeadlockError when no stream can be chosen. */
  [Symbol.iterator](): Iterator<number, never> {
    return { next: () => this.next() }
  }

  private find(streamId: number): Node {
    if (streamId === 0) throw new PseudoStreamError()
    const node = this.nodes.get(streamId)
    if (node === undefined || node.placeholder) throw new MissingStreamError(streamId)
    return node
  }

  /** Does moving a node away free the placeholder that is its parent, and is that room enough? */
  private freesOne(node: Node | undefined, needed: number): boolean {
    const parent = node?.parent
    return needed === 1 && parent?.placeholder === true && parent.children.size === 1
  }

  /** Puts a node, in the tree or not, where its dependency says. */
  private place(node: Node, dependency: Dependency): void {
    const { dependsOn = 0, weight = DEFAULT_WEIGHT, exclusive = false } = dependency
    const former = node.parent
    const parent = this.nodes.get(dependsOn) ?? this.addPlaceholder(dependsOn)
    /** Whom the new parent has left. */
    let left: Node | undefined
    if (former === parent) {
      // Nobody is to gain a turn, nor to wait longer than its new weight asks, by being given a weight.
      node.start = Math.min(node.start, parent.clock + 1 / weight)
    } else {
      if (former !== null && isBelow(parent, node)) {
        left = this.detach(parent)
        parent.start = 0
        this.attach(parent, former)
      }
      node.start = 0
    }
    if (former !== null) this.detach(node)
    node.weight = weight
    if (exclusive) {
      for (const sibling of parent.children) {
        this.detach(sibling)
        sibling.start = 0
        this.attach(sibling, node)
      }
    }
    this.attach(node, parent)
    if (former !== null) this.free(former)
    if (left !== undefined) this.free(left)
  }

  private addPlaceholder(streamId: number): Node {
    const node = new Node(streamId, true)
    this.nodes.set(streamId, node)
    this.attach(node, this.root)
    return node
  }

  /** Frees a placeholder without children, and then its parent if that has become one. */
  private free(node: Node): void {
    while (node.placeholder && node.children.size === 0) {
      const parent = this.detach(node)
      this.nodes.delete(node.id)
      node = parent
    }
  }

  private attach(node: Node, parent: Node): void {
    node.parent = parent
    parent.children.add(node)
    if (isReady(node)) this.enqueue(node)
  }

  /** Takes a node, with all below it, off its parent, which is returned. */
  private detach(node: Node): Node {
    // Nothing detaches the root, which alone has none.
    const parent = node.parent as Node
    if (isReady(node)) this.dequeue(node)
    parent.children.delete(node)
    node.parent = null
    return parent
  }

  private activate(node: Node, active: boolean): void {
    if (node.active === active) return
    const wasReady = isReady(node)
    node.active = active
    if (isReady(node) === wasReady) return
    if (active) this.enqueue(node)
    else this.dequeue(node)
  }

  /** A node has become ready: so have its ancestors, up to one that was. */
  private enqueue(node: Node): void {
    for (let parent = node.parent; parent !== null; parent = node.parent) {
      const wasReady = isReady(parent)
      if (node.start < parent.clock) node.start = parent.clock
      parent.ready.add(node)
      if (wasReady) return
      node = parent
    }
  }

  /** A node is ready no more: nor are its ancestors, up to one that still is. */
  private dequeue(node: Node): void {
    for (let parent = node.parent; parent !== null; parent = node.parent) {
      parent.ready.remove(node)
      if (isReady(parent)) return
      node = parent
    }
  }
}

function isReady(node: Node): boolean {
  return node.active || node.ready.size > 0
}

/** Does a node depend on another, through however many between? */
function isBelow(node: Node, other: Node): boolean {
  for (let at = node.parent; at !== null; at = at.parent) if (at === other) return true
  return false
}

function checkDependency(streamId: number, dependency: Dependency): void {
  const { dependsOn = 0, weight = DEFAULT_WEIGHT } = dependency
  if (streamId === 0) throw new PseudoStreamError()
  checkId(streamId)
  checkId(dependsOn)
  if (!Number.isInteger(weight) || weight < 1 || weight > 256) throw new BadWeightError(weight)
  if (dependsOn === streamId) throw new PriorityLoop(streamId)
}

function checkId(streamId: number): void {
  if (!Number.isInteger(streamId) || streamId < 0 || streamId > 0x7fffffff) {
    throw new InvalidArgumentError(`${streamId} is not a stream identifier`)
  }
}
