/** The fenced blocks of a page, and the programs that they make up. */
import { format } from 'node:util'
import { runInNewContext } from 'node:vm'

export interface Block {
  readonly page: string
  /** Of the first line behind the fence, from 1. */
  readonly line: number
  readonly language: string
  readonly lines: readonly string[]
}

/** Blocks that are run together. */
export interface Program {
  readonly page: string
  readonly line: number
  readonly source: string
}

export function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = []
  let open: { line: number; language: string; lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^\s*```\s*(\S*)/.exec(line)
    if (open === undefined) {
      if (fence !== null) open = { line: index + 2, language: fence[1], lines: [] }
    } else if (fence === null) {
      open.lines.push(line)
    } else {
      blocks.push({ page, ...open })
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${page}, line ${open.line - 1}: the block has no end`)
  return blocks
}

/**
 * The programs of a page. A block that imports something begins one; a block that imports nothing goes on where the one
 * before it ended. Every line stands where it stands on the page, so that messages name the page's lines.
 */
export function programsOf(blocks: readonly Block[]): Program[] {
  const programs: { page: string; line: number; lines: string[] }[] = []
  for (const { page, line, language, lines } of blocks) {
    if (language !== 'ts' && language !== 'js') continue
    const begins = lines.some((text) => /^import\b/.test(text))
    const last = programs.at(-1)
    const program = begins || last === undefined ? { page, line, lines: [] } : last
    if (program !== last) programs.push(program)
    while (program.lines.length < line - 1) program.lines.push('')
    program.lines.push(...lines)
  }
  // A program that imports nothing is a module all the same.
  return programs.map(({ page, line, lines }) => ({ page, line, source: `${[...lines, 'export {}'].join('\n')}\n` }))
}

/** The commands of a block: comments are dropped, lines that end in a backslash are joined. */
export function commandsOf({ lines, line }: Block): { line: number; command: string }[] {
  const commands: { line: number; command: string }[] = []
  let begun: { line: number; command: string } | undefined
  for (const [index, text] of lines.entries()) {
    const command: { line: number; command: string } = begun ?? { line: line + index, command: '' }
    command.command += text.replace(/\\$/, '')
    if (text.endsWith('\\')) {
      begun = command
      continue
    }
    begun = undefined
    if (/^\s*(?:#|$)/.test(command.command)) continue
    commands.push(command)
  }
  return commands
}

/** What a program says that it writes: `console.log(x) // 'value'`. Comments that are no value are only comments. */
export function promisedOutput(source: string): string[] {
  const promised: string[] = []
  for (const [, comment] of source.matchAll(/^\s*console\.log\(.*\) \/\/ (['"\d[{-].*|true|false|null|undefined)$/gm)) {
    try {
      promised.push(format(runInNewContext(`(${comment})`)))
    } catch {
      // No value.
    }
  }
  return promised
}
