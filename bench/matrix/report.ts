/** What a run of the matrix leaves: a table for docs/benchmarks.md, and a chart for each protocol. */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Verdict, Word } from './decide.ts'
import type { Protocol } from './servers.ts'

/** Medians over the turns of one client. */
export interface Figures {
  readonly perSecond: number
  /** Microseconds a request. */
  readonly cpu: number
  /** Milliseconds. */
  readonly p99: number
  /** Peak resident memory, MiB. */
  readonly memory: number
}

/** Ours against one other, at one work, over one protocol. */
export interface Cell {
  readonly protocol: Protocol
  readonly work: string
  readonly ours: string
  readonly other: string
  /** Of the other, where it is not the same. */
  readonly otherProtocol: Protocol
  readonly throughput: Verdict
  readonly cpu: Verdict
  readonly word: Word | 'failed'
  readonly figures: readonly [ours: Figures, other: Figures] | undefined
  readonly failure: string | undefined
}

export function otherName({ other, otherProtocol, protocol }: Cell): string {
  return otherProtocol === protocol ? other : `${other} (${otherProtocol})`
}

export function ratio({ median, low, high }: Verdict): string {
  return `${median.toFixed(2)}x (${low.toFixed(2)}-${high.toFixed(2)})`
}

function table(cells: readonly Cell[]): string {
  const lines = [
    '| work | ours | against | requests/s | CPU a request | p99 ms | peak MiB | |',
    '|---|---|---|---|---|---|---|---|',
  ]
  for (const cell of cells) {
    const [ours, other] = cell.figures ?? []
    const both = (pick: (figures: Figures) => number, digits: number): string =>
      ours === undefined || other === undefined ? '' : `${pick(ours).toFixed(digits)} / ${pick(other).toFixed(digits)}`
    const ratios = cell.figures === undefined ? ['', ''] : [ratio(cell.throughput), ratio(cell.cpu)]
    const word = cell.word === 'loss' || cell.word === 'failed' ? `**${cell.word}**` : cell.word
    lines.push(
      `| ${[cell.work, cell.ours, otherName(cell), ...ratios, both((one) => one.p99, 1), both((one) => one.memory, 0), word].join(' | ')} |`,
    )
  }
  return lines.join('\n')
}

const COLOURS = { win: '#8fd19e', even: '#e4e4e4', loss: '#f0a3a3', undecided: '#f3e3b0', failed: '#c9b3e6' } as const

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** A field for each cell: the median ratio of requests a second, and the verdict as its colour. */
function chart(protocol: Protocol, cells: readonly Cell[]): string {
  const rowNames = [...new Set(cells.map((cell) => `${cell.ours} / ${otherName(cell)}`))]
  const columns = [...new Set(cells.map((cell) => cell.work))]
  const left = 330
  const [width, height] = [110, 26]
  const top = 64
  const parts: string[] = []
  const text = (x: number, y: number, words: string, anchor = 'start'): void => {
    parts.push(`<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(words)}</text>`)
  }
  const box = (x: number, y: number, size: readonly [number, number], colour: string): void => {
    parts.push(`<rect x="${x}" y="${y}" width="${size[0]}" height="${size[1]}" fill="${colour}"/>`)
  }
  text(8, 20, `${protocol}: requests a second, ours / the other's (median of paired turns)`)
  columns.forEach((name, i) => {
    const words = name.split(' ')
    const middle = Math.ceil(words.length / 2)
    text(left + (i + 0.5) * width, top - 20, words.slice(0, middle).join(' '), 'middle')
    text(left + (i + 0.5) * width, top - 6, words.slice(middle).join(' '), 'middle')
  })
  rowNames.forEach((name, i) => {
    text(8, top + (i + 0.68) * height, name)
  })
  for (const cell of cells) {
    const x = left + columns.indexOf(cell.work) * width
    const y = top + rowNames.indexOf(`${cell.ours} / ${otherName(cell)}`) * height
    box(x + 1, y + 1, [width - 2, height - 2], COLOURS[cell.word])
    text(
      x + width / 2,
      y + 0.68 * height,
      cell.figures === undefined ? 'failed' : cell.throughput.median.toFixed(2),
      'middle',
    )
  }
  const foot = top + rowNames.length * height + 14
  Object.entries(COLOURS).forEach(([word, colour], i) => {
    box(8 + i * 100, foot, [14, 14], colour)
    text(28 + i * 100, foot + 12, word)
  })
  const size = [left + columns.length * width + 8, foot + 26]
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size[0]}" height="${size[1]}" font-family="sans-serif" font-size="12"><title>${escaped(`The matrix over ${protocol}`)}</title><rect width="100%" height="100%" fill="#fff"/>${parts.join('')}</svg>\n`
}

const BEGIN = '<!-- matrix: written by `npm run bench -- matrix --write` -->'
const END = '<!-- /matrix -->'

/** Replaces what stands between the marks in docs/benchmarks.md, and writes the charts into docs/pictures. */
/** How many cells are what, and the lost ones by name. */
function verdicts(cells: readonly Cell[]): string {
  const words = ['win', 'even', 'loss', 'undecided', 'failed'] as const
  const counts = words
    .map((word) => [word, cells.filter((cell) => cell.word === word).length] as const)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word}`)
  const bad = cells.filter(({ word }) => word === 'loss' || word === 'failed')
  const names = bad.map((cell) => `- ${cell.word}: ${cell.protocol}, ${cell.work}, ${cell.ours} / ${otherName(cell)}`)
  return [`Of ${cells.length} cells: ${counts.join(', ')}.`, ...(names.length > 0 ? [names.join('\n')] : [])].join(
    '\n\n',
  )
}

export async function writeDocs(cells: readonly Cell[], about: string): Promise<void> {
  const page = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))
  const before = await readFile(page, 'utf8')
  const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)]
  if (begin === -1 || end === -1) throw new Error(`${page} has no place for the matrix`)
  const sections = [about, verdicts(cells)]
  for (const protocol of new Set(cells.map((cell) => cell.protocol))) {
    const own = cells.filter((cell) => cell.protocol === protocol)
    const file = `matrix-${protocol.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`
    await writeFile(new URL(`../../docs/pictures/${file}`, import.meta.url), chart(protocol, own))
    sections.push(`### ${protocol}`, `![The matrix over ${protocol}](pictures/${file})`, table(own))
  }
  await writeFile(page, `${before.slice(0, begin + BEGIN.length)}\n${sections.join('\n\n')}\n${before.slice(end)}`)
}
