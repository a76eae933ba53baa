/** Where things are. */
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('..', import.meta.url))
export const dist: string = fileURLToPath(new URL('../dist/', import.meta.url))
