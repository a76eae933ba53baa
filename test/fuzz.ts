/**
 * The tests of properties, with other cases than `npm test` has, and more.
 *
 *     npm run fuzz -- [--seed=N] [--times=20]
 *
 * Ends with 1 when one of them fails; the seed that is printed repeats it.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { seed: { type: 'string' }, times: { type: 'string', default: '20' } } })
const seed = values.seed ?? String(Date.now() % 1_000_000_000)

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => join(import.meta.dirname, file))
  .filter((file) => readFileSync(file, 'utf8').includes("support/property.ts'"))

console.log(`seed ${seed}, ${values.times} times the cases of npm test, ${files.length} files`)
const env = { ...process.env, PROPERTY_SEED: seed, PROPERTY_RUNS: values.times }
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...files], { env, stdio: 'inherit' })
console.log(status === 0 ? 'all hold' : `failed: npm run fuzz -- --seed=${seed} --times=${values.times} repeats it`)
process.exitCode = status ?? 1
