import { differential } from './differential.ts'
import { runners } from './runners.ts'

differential('fetch', await runners.fetch())
