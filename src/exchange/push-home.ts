/** Whom a push belongs to, which the server began: it waits in no line, and nobody sends it again. */
import { Deadlines } from './deadlines.ts'
import type { ExchangeHome } from './exchange.ts'

export class PushHome implements ExchangeHome {
  readonly deadlines = new Deadlines()
  readonly observed = false
  readonly retries = false
  readonly queueTimeout = 0

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
