/**
 * A binary heap that knows where each member stands, so that any of them can leave it. The least `start` comes first, then
 * the least id.
 *
 * Hot path: one array of nodes, plain loops.
 */

/** What the heap orders. */
export interface Ranked {
  readonly id: number
  /** The key. Change it only outside the heap, or call `sink` after it has grown. */
  start: number
  /** The heap's own: where it stands, -1 outside. */
  place: number
}

export class ReadyHeap<T extends Ranked> {
  private readonly nodes: T[] = []

  get size(): number {
    return this.nodes.length
  }

  /** The first; `undefined` when there is none. */
  first(): T | undefined {
    return this.nodes[0]
  }

  add(node: T): void {
    this.nodes.push(node)
    this.rise(node, this.nodes.length - 1)
  }

  remove(node: T): void {
    const { place } = node
    const last = this.nodes.pop()
    node.place = -1
    if (last === undefined || last === node) return
    this.rise(last, place)
    this.sink(last)
  }

  /** Restores the order after the key of a member has grown. */
  sink(node: T): void {
    const { nodes } = this
    let place = node.place
    for (;;) {
      let child = 2 * place + 1
      if (child >= nodes.length) break
      if (child + 1 < nodes.length && before(nodes[child + 1], nodes[child])) child++
      const other = nodes[child]
      if (!before(other, node)) break
      nodes[place] = other
      other.place = place
      place = child
    }
    nodes[place] = node
    node.place = place
  }

  private rise(node: T, place: number): void {
    const { nodes } = this
    while (place > 0) {
      const parent = (place - 1) >> 1
      const other = nodes[parent]
      if (!before(node, other)) break
      nodes[place] = other
      other.place = place
      place = parent
    }
    nodes[place] = node
    node.place = place
  }
}

function before(a: Ranked, b: Ranked): boolean {
  return a.start < b.start || (a.start === b.start && a.id < b.id)
}
