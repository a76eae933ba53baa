import { differential } from './differential.ts'
import { runners } from './runners.ts'

differential('got', await runners.got())
differential('got.stream', await runners['got.stream']())
