/** Runs the cases of `pending.ts`, which fail until what is wrong is mended: `node --test test/adapters/differential/run-pending.ts`. */
import { libraries } from './cases.ts'
import { differential } from './differential.ts'
import { pending } from './pending.ts'
import { runners } from './runners.ts'

for (const library of libraries) {
  if (pending.some((entry) => entry.libraries.includes(library)))
    differential(library, await runners[library](), 'pending')
}
