/** Whom an exchange belongs to that was given to a connection directly, or that a server began: nobody sends it again. */
import { Deadlines } from './deadlines.ts'
import type { ExchangeHome } from './exchange.ts'

export class DirectHome implements ExchangeHome {
  readonly deadlines = new Deadlines()
  readonly observed = false
  readonly retries = false
  /** Milliseconds. */
  readonly queueTimeout: number

  constructor(queueTimeout: number) {
    this.queueTimeout = queueTimeout
  }

  again(): void {}
  fallBack(): void {}
  misdirected(): void {}
  mayRetry(): boolean {
    return false
  }
  cleared(): void {}
  leave(): void {}
  settled(): void {}
}
