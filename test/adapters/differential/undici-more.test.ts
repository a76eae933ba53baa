import { differential } from './differential.ts'
import { runners } from './runners.ts'

for (const library of ['undici.composed', 'undici.stream'] as const) differential(library, await runners[library]())
