/** Reads the source of a request body and writes it to a stream, at the pace of the peer's window. */
import { abortReason, ContentLengthError, toError } from '../errors.ts'
import type { H2Connection, H2Stream } from '../h2/index.ts'
import { chunkBytes, discardSource, type PreparedBody } from './body.ts'

/** The exchange whose body it is. */
export interface PumpOwner {
  /** Nothing more is to be sent: the exchange is over, or the response is whole already. */
  readonly sendingIsOver: boolean
  readonly origin: string
  /** Something was queued, so that somebody waits for the peer again. */
  restartSending(): void
  /** All of it is written: what follows the body may follow. */
  finishBody(): void
  fail(error: Error): void
}

export class BodyPump {
  private readonly h2: H2Connection
  private readonly stream: H2Stream
  private readonly owner: PumpOwner
  private source: PreparedBody['source']
  private wake: (() => void) | null = null

  constructor(h2: H2Connection, stream: H2Stream, source: NonNullable<PreparedBody['source']>, owner: PumpOwner) {
    this.h2 = h2
    this.stream = stream
    this.source = source
    this.owner = owner
  }

  /**
   * Whatever fails is told to the owner.
   * @param announced octets that content-length promised, -1 for none.
   */
  async run(announced: number): Promise<void> {
    const { h2, stream, owner, source } = this
    if (source === null) return
    let sent = 0
    try {
      for await (const piece of source) {
        if (owner.sendingIsOver) return
        const bytes = chunkBytes(piece)
        sent += bytes.length
        if (announced !== -1 && sent > announced) throw this.lengthError(announced, 'more')
        const ready = h2.write(stream, bytes)
        owner.restartSending()
        if (!ready) await this.drained()
        if (owner.sendingIsOver) return
      }
      if (announced !== -1 && sent !== announced) throw this.lengthError(announced, `${sent}`)
      this.source = null
      owner.finishBody()
    } catch (thrown) {
      owner.fail(toError(thrown))
    }
  }

  /** The stream's queue has room again. */
  wakeUp(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }

  /** Reads no more. */
  drop(): void {
    const { source } = this
    this.source = null
    discardSource(source, abortReason(undefined))
    this.wakeUp()
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }

  private lengthError(announced: number, had: string): ContentLengthError {
    return new ContentLengthError('request', `content-length says ${announced}, but the body has ${had} octets`, {
      origin: this.owner.origin,
    })
  }
}
