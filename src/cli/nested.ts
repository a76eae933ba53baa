/**
 * Nested JSON, as HTTPie has it: `a[b]=c`, `a[]=1`, `a[0][b]:=2`, `[]=1`.
 *
 * Rules
 * - A name is a key, or an index or `[]` when the whole is an array, and any number of `[key]`, `[0]` and `[]` behind it.
 * - A backslash before `[`, `]` or a backslash takes its meaning; before a number in brackets it makes a key of it.
 * - Values stay as they were written, whatever their length: what is built is a tree of texts. One is taken apart only where
 *   more is put into it.
 */
import { UsageError } from './failures.ts'
import { partsOf } from './json.ts'
import { caret } from './text.ts'

type Step = { readonly at: number; readonly end: number } & (
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'append' }
)

type Tree =
  | { readonly type: 'object'; readonly members: Map<string, Tree> }
  | { readonly type: 'array'; readonly items: Tree[] }
  /** JSON as it was written. */
  | { readonly type: 'value'; readonly json: string }

/** An index beyond this is a slip: the array would be filled with null up to it. */
const MAX_INDEX = 65_535

/** What is deeper is no data that anybody reads. */
const MAX_DEPTH = 500

/** Builds one JSON text of fields: names, and values that are JSON texts. */
export class NestedJson {
  private root: Tree | undefined

  /** @throws {UsageError} pointing at what is wrong with the name, or with its type. */
  add(name: string, json: string): void {
    const steps = parsePath(name)
    let node = this.open(undefined, steps[0])
    this.check(name, steps, 0, this.root ?? node)
    this.root ??= node
    node = this.root
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]
      const next = steps[i + 1]
      this.check(name, steps, i, node)
      const child = next === undefined ? value(json) : this.open(peek(node, step), next)
      put(node, step, child)
      node = child
    }
  }

  text(): string {
    return this.root === undefined ? '{}' : write(this.root)
  }

  private open(there: Tree | undefined, step: Step): Tree {
    if (there?.type === 'value' && there.json !== 'null') return opened(there.json) ?? there
    if (there !== undefined && there.type !== 'value') return there
    return step.kind === 'key' ? { type: 'object', members: new Map() } : { type: 'array', items: [] }
  }

  private check(name: string, steps: readonly Step[], at: number, node: Tree): void {
    const step = steps[at]
    const needed = step.kind === 'key' ? 'object' : 'array'
    if (node.type === needed) return
    const before = at === 0 ? 'the whole' : JSON.stringify(name.slice(0, steps[at - 1].end))
    const is = node.type === 'value' ? kindOf(node.json) : `an ${node.type}`
    const does = step.kind === 'append' ? '[]' : step.kind === 'index' ? 'an index' : 'a key'
    throw pointing(name, step.at, step.end, `${does} needs an ${needed}, and ${before} is ${is}`)
  }
}

/** The steps of a name. @throws {UsageError} pointing at what is none. */
export function parsePath(name: string): Step[] {
  const steps: Step[] = []
  let at = 0
  if (name[0] !== '[') {
    const { text, end } = literal(name, 0, '[')
    steps.push({ kind: 'key', key: text, at: 0, end })
    at = end
  }
  while (at < name.length) {
    if (name[at] !== '[') throw pointing(name, at, at + 1, "expecting '['")
    if (name[at + 1] === ']') {
      steps.push({ kind: 'append', at, end: at + 2 })
      at += 2
      continue
    }
    const { text, end, escaped } = literal(name, at + 1, ']')
    if (end >= name.length)
      throw pointing(name, end, end + 1, text === '' ? "expecting text, a number or ']'" : "expecting ']'")
    if (!escaped && /^-\d+$/.test(text)) throw pointing(name, at + 1, end, 'an index cannot be negative')
    if (escaped || !/^\d+$/.test(text)) {
      steps.push({ kind: 'key', key: text, at, end: end + 1 })
    } else {
      const index = Number(text)
      if (index > MAX_INDEX) throw pointing(name, at + 1, end, `an index is at most ${MAX_INDEX}`)
      steps.push({ kind: 'index', index, at, end: end + 1 })
    }
    at = end + 1
  }
  if (steps.length > MAX_DEPTH) throw new UsageError(`a name nests ${steps.length} deep: at most ${MAX_DEPTH}`)
  return steps
}

/** Text up to this character; `escaped` when a backslash makes a key of a number. */
function literal(name: string, start: number, stop: string): { text: string; end: number; escaped: boolean } {
  let text = ''
  let escaped = false
  let i = start
  for (; i < name.length && name[i] !== stop; i++) {
    const next = name[i + 1]
    if (stop === ']' && name[i] === '[') throw pointing(name, i, i + 1, "expecting ']'")
    if (name[i] === '\\' && (next === '[' || next === ']' || next === '\\')) text += name[++i]
    else if (name[i] === '\\' && stop === ']' && i === start && /\d/.test(next ?? '')) escaped = true
    else text += name[i]
  }
  return { text, end: i, escaped }
}

function peek(node: Tree, step: Step): Tree | undefined {
  if (node.type === 'object' && step.kind === 'key') return node.members.get(step.key)
  return node.type === 'array' && step.kind === 'index' ? node.items[step.index] : undefined
}

function put(node: Tree, step: Step, child: Tree): void {
  if (node.type === 'object' && step.kind === 'key') {
    node.members.set(step.key, child)
  } else if (node.type === 'array') {
    const index = step.kind === 'index' ? step.index : node.items.length
    while (node.items.length < index) node.items.push(value('null'))
    node.items[index] = child
  }
}

/** An object or an array that was given as a whole, so that more can be put into it; undefined when it is neither. */
function opened(json: string): Tree | undefined {
  const [first] = json.trim()
  if (first !== '{' && first !== '[') return undefined
  const parts = partsOf(json)
  if (first === '[') return { type: 'array', items: parts.map(({ text }) => value(text)) }
  return { type: 'object', members: new Map(parts.map(({ name, text }) => [name, value(text)])) }
}

function value(json: string): Tree {
  return { type: 'value', json }
}

function write(tree: Tree): string {
  if (tree.type === 'value') return tree.json
  if (tree.type === 'array') return `[${tree.items.map(write).join(', ')}]`
  return `{${[...tree.members].map(([name, one]) => `${JSON.stringify(name)}: ${write(one)}`).join(', ')}}`
}

function kindOf(json: string): string {
  const [first = ''] = json.trim()
  if (first === '"') return 'a string'
  return first === 't' || first === 'f' ? 'true or false' : first === 'n' ? 'null' : 'a number'
}

function pointing(name: string, at: number, end: number, why: string): UsageError {
  return new UsageError(`${JSON.stringify(name)}: ${why}`, {
    detail: caret(name, at, end),
  })
}
