import { differential } from './differential.ts'
import { runners } from './runners.ts'

for (const library of ['undici.request', 'undici.fetch'] as const) differential(library, await runners[library]())
