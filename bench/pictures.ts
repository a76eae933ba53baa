/**
 * `npm run bench -- pictures`: the charts of README and docs/benchmarks.md, from the figures that the last runs left in
 * bench/results/: `npm run bench` (latest.json) and `npm run bench -- delay` (delay.json). They are written to docs/pictures/.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'

/** One client beside others. */
export interface Bar {
  readonly name: string
  readonly value: number
  readonly ours: boolean
}

/** Bars that belong together: one library. */
export type Group = readonly Bar[]

const [LEFT, RIGHT, ROW, GAP] = [190, 90, 20, 10] as const
const WIDTH = 760
const COLOURS = { ours: '#2f7d4f', other: '#b4bcc4' } as const

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

function shown(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}

/** Horizontal bars, in groups; the longest fills the width. */
export function barChart(title: string, below: string, groups: readonly Group[]): string {
  const most = Math.max(...groups.flat().map(({ value }) => value))
  const parts: string[] = []
  let y = 40
  for (const group of groups) {
    for (const { name, value, ours } of group) {
      const width = Math.max(1, ((WIDTH - LEFT - RIGHT) * value) / most)
      const weight = ours ? ' font-weight="bold"' : ''
      parts.push(
        `<text x="${LEFT - 8}" y="${y + 14}" text-anchor="end"${weight}>${escaped(name)}</text>`,
        `<rect x="${LEFT}" y="${y + 2}" width="${width.toFixed(1)}" height="${ROW - 4}" rx="2" fill="${ours ? COLOURS.ours : COLOURS.other}"/>`,
        `<text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 14}"${weight}>${shown(value)}</text>`,
      )
      y += ROW
    }
    y += GAP
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 22}" width="${WIDTH}" height="${y + 22}" font-family="system-ui, sans-serif" font-size="12" fill="#24292f" role="img">`,
    `<title>${escaped(title)}</title><rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="12" y="24" font-size="15" font-weight="bold">${escaped(title)}</text>`,
    ...parts,
    `<text x="12" y="${y + 12}" fill="#57606a">${escaped(below)}</text></svg>\n`,
  ].join('\n')
}

/** What `npm run bench` leaves of a client. */
interface Row {
  readonly server: string
  readonly body: string
  readonly client: string
  readonly perSecond: number
  readonly cpu: number
}

/** Ours first, and what stands beside it. */
const LIBRARIES: readonly (readonly [string, ...string[]])[] = [
  ['Pool.dispatch', 'node:http2'],
  ['our fetch', 'undici.fetch, its h2'],
  ['undici.request, ours', 'undici.request, its h2'],
  ['axios, ours', 'axios, its HTTP/2', 'axios, its HTTP/1.1'],
  ['got, ours', 'got, its http2'],
]

const results = new URL('results/', import.meta.url)
const pictures = new URL('../docs/pictures/', import.meta.url)

async function read<T>(file: string, made: string): Promise<T> {
  try {
    return JSON.parse(await readFile(new URL(file, results), 'utf8')) as T
  } catch (cause) {
    throw new Error(`There are no figures: run \`${made}\` first`, { cause })
  }
}

export async function run(): Promise<void> {
  await mkdir(pictures, { recursive: true })
  const { rows } = await read<{ rows: readonly Row[] }>('latest.json', 'npm run bench')
  const speeds = await read<Record<string, Record<string, number>>>('delay.json', 'npm run bench -- delay')
  const server = rows.find(({ server: name }) => name.startsWith('nginx'))?.server ?? rows[0].server
  const small = rows.filter((row) => row.server === server && row.body === 'small')
  const groups = (pick: (row: Row) => number): Group[] =>
    LIBRARIES.map((names) =>
      names.flatMap((name, i) => {
        const row = small.find(({ client }) => client === name)
        return row === undefined ? [] : [{ name, value: pick(row), ours: i === 0 }]
      }),
    )
  const what = `${server}, TLS, 12 octets, 100 in flight; one client process`
  const charts = {
    requests: barChart(
      'Requests a second (more is better)',
      what,
      groups(({ perSecond }) => perSecond),
    ),
    cpu: barChart(
      'CPU time a request, microseconds (less is better)',
      what,
      groups(({ cpu }) => cpu),
    ),
    delay: barChart(
      'One download with a round trip of 100 ms, MiB a second (more is better)',
      'nghttpd over a link of 1 Gbit/s; flow-control windows decide',
      [Object.entries(speeds['100 ms'] ?? {}).map(([name, value]) => ({ name, value, ours: name === 'ours' }))],
    ),
  }
  for (const [name, chart] of Object.entries(charts)) await writeFile(new URL(`${name}.svg`, pictures), chart)
  console.log(`Written to docs/pictures/: ${Object.keys(charts).join(', ')}`)
}
