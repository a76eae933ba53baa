/** What an origin and its connections know of each other. */
import type { Settings } from '../h2/index.ts'
import type { Incoming } from './record.ts'
import type { Plan } from './script.ts'

/** Who carries out an answer. */
export interface Answering {
  answer(plan: Plan): void
}

/** One connection, whatever it speaks. */
export interface ServerSide {
  receive(octets: Buffer): void
  receiveEnd(): void
  goaway(code: number): void
  limit(settings: Partial<Settings>): void
}

/** What a connection needs of its origin. */
export interface Home {
  readonly scheme: 'http' | 'https'
  readonly goawayAfter: number | undefined
  readonly mute: boolean
  onRequest(request: Incoming, answering: Answering): void
  /** An answer could not be carried out. */
  onFault(thrown: unknown): void
}
