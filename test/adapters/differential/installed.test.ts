import { differential } from './differential.ts'
import { runners } from './runners.ts'

differential('installed', await runners.installed())
