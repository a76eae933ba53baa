/** What the package costs: octets to fetch, time and memory to import, each against its floor. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ENTRIES, specifierOf } from '../../build/entries.ts'
import type { Table } from './table.ts'
import { median, type Packed, root, run, versionOf } from './workshop.ts'

/** Floors. */
const PACKED = 600_000
const PACKED_WITHOUT_COMMAND = 400_000
const TIME = 0.5
/** A run on a busy machine fails only for more than this above the floor: the figure that is printed says the rest. */
const NOISE = 1.1
const ROUNDS = 9

export async function figures(table: Table, packed: Packed, alone: string, together: string): Promise<void> {
  const below = (value: number, floor: number): string => {
    const text = `${(value / 1000).toFixed(0)} kB of ${floor / 1000}`
    if (value > floor) throw new Error(text)
    return text
  }
  await table.row('packed size', 'npm pack', '', async () => below(packed.size, PACKED))
  await table.row('packed size but for the command', 'npm pack', '', async () =>
    below(packed.size - gzipSync(readFileSync(join(root, 'dist', 'command.cjs'))).length, PACKED_WITHOUT_COMMAND),
  )
  const undici = versionOf(together, 'undici')
  const measured = await measure(alone, together)
  const reference = measured.get('undici')
  // What is above its floor is measured a second time, with all the others: one disturbance is no loss.
  let second: Map<string, Cost> | undefined
  if (reference === undefined) return
  for (const entry of ENTRIES) {
    const mine = measured.get(specifierOf(entry))
    if (mine === undefined) continue
    await table.row(`import of ${specifierOf(entry)}: time`, 'against undici', undici, async () => {
      const text = `${mine.time.toFixed(1)} of ${reference.time.toFixed(1)} ms: ${(mine.time / reference.time).toFixed(2)}x of ${TIME}x`
      if (mine.time <= reference.time * TIME * NOISE) return text
      second ??= await measure(alone, together)
      const [again, other] = [second.get(specifierOf(entry)), second.get('undici')]
      if (again === undefined || other === undefined || again.time > other.time * TIME * NOISE) throw new Error(text)
      return text
    })
    await table.row(`import of ${specifierOf(entry)}: memory`, 'against undici', undici, async () => {
      const text = `${mine.memory.toFixed(1)} of ${reference.memory.toFixed(1)} MB`
      if (mine.memory >= reference.memory) throw new Error(text)
      return text
    })
  }
}

interface Cost {
  readonly time: number
  /** Resident, after the import. */
  readonly memory: number
}

/**
 * All of them by turns, so that what else the machine does falls on all alike. Of times the least, for all that disturbs makes them
 * longer; of memory the median.
 */
async function measure(alone: string, together: string): Promise<Map<string, Cost>> {
  const candidates = [['undici', together], ...ENTRIES.map((entry) => [specifierOf(entry), alone])] as const
  const costs = new Map<string, Cost[]>(candidates.map(([name]) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, cwd] of candidates) {
      const file = join(cwd, 'import.mjs')
      writeFileSync(
        file,
        `const start = performance.now()
        await import('${name}')
        const time = performance.now() - start
        console.log(JSON.stringify({ time, memory: process.memoryUsage.rss() / 1e6 }))`,
      )
      costs.get(name)?.push(JSON.parse(await run(process.execPath, [file], { cwd })))
    }
  }
  return new Map(
    [...costs].map(([name, all]) => [
      name,
      { time: Math.min(...all.map(({ time }) => time)), memory: median(all.map(({ memory }) => memory)) },
    ]),
  )
}
