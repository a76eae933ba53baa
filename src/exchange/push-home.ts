/** Whom a push belongs to, which the server began: it waits in no line, and nobody sends it again. */
import type { H2Stream, StreamListener } from '../h2/index.ts'
import { getField, NO_FIELDS } from '../headers/fields.ts'
import type { RequestHead } from '../headers/section.ts'
import { ignore } from '../ignore.ts'
import type { Attempt } from './attempt.ts'
import type { ExchangeHandler } from './contract.ts'
import { Deadlines } from './deadlines.ts'
import { type ExchangeHome, LiveExchange } from './exchange.ts'

export class PushHome implements ExchangeHome {
  readonly deadlines = new Deadlines()
  readonly observed = false
  readonly retries = false
  readonly queueTimeout = 0

  /**
   * The answer to a request that the server made up (RFC 9113 section 8.4). It must be of the origin that was asked.
   * @param asked what it came along with.
   * @returns what hears the promised stream, or undefined when nobody wants it: the engine resets what nobody hears.
   */
  promise(asked: Attempt, stream: H2Stream, head: RequestHead): StreamListener | undefined {
    const { scheme, authority, method, path } = head
    const { codec, exchange, request } = asked
    const { onPush } = exchange.handler
    if (onPush === undefined || scheme === undefined || path === undefined || authority === undefined) return undefined
    if (scheme !== getField(asked.head, ':scheme') || authority !== getField(asked.head, ':authority')) return undefined
    if (!asked.announce()) return undefined
    const push = new LiveExchange(this, request, NOBODY)
    const attempt = push.attemptOn(codec)
    attempt.begin(stream, NO_FIELDS)
    push.dispatched()
    attempt.expect()
    const found = exchange.tell(onPush, { scheme, method, authority, path, headers: head.fields, exchange: push })
    return push.heardBy(found) ? attempt : undefined
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

/** The handler of a push until the one who was promised it has said who hears it. */
const NOBODY: ExchangeHandler = { onHeaders: ignore, onData: ignore, onEnd: ignore, onError: ignore }
