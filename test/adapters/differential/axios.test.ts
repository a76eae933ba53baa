import { differential } from './differential.ts'
import { runners } from './runners.ts'

differential('axios', await runners.axios())
