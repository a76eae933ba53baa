/** A body on its way through one attempt: between what gives it (`UploadBody`) and the codec, with what was announced of it. */
import { ContentLengthError } from '../errors.ts'
import type { UploadBody, UploadSink } from './upload.ts'

/** The exchange whose body it is. */
export interface SendingOwner {
  readonly request: { readonly origin: string }
  /** @returns false when there is no room for more now: `resume()` follows. */
  sendPiece(octets: Uint8Array): boolean
  /** The body is sent. */
  sendEnd(): void
  fail(error: Error): void
}

export class Sending implements UploadSink {
  private readonly owner: SendingOwner
  private readonly upload: UploadBody
  /** Octets that content-length promises, -1 for none; and those that came. */
  private readonly announced: number
  private octets = 0
  /** The next attempt sends the same one. */
  private readonly lasting: boolean

  constructor(owner: SendingOwner, upload: UploadBody, announced: number, lasting: boolean) {
    this.owner = owner
    this.upload = upload
    this.announced = announced
    this.lasting = lasting
  }

  begin(): void {
    this.upload.attach(this)
  }

  resume(): void {
    this.upload.resume(this)
  }

  /** The attempt takes no more. @param error why the exchange is over; null: it is not, or has ended well. */
  stop(error: Error | null): void {
    this.upload.detach(this)
    if (!this.lasting) this.upload.release(error)
  }

  onPiece(octets: Uint8Array): boolean {
    this.octets += octets.length
    if (this.announced === -1 || this.octets <= this.announced) return this.owner.sendPiece(octets)
    this.fail('more')
    return false
  }

  onUploadEnd(): void {
    if (this.announced === -1 || this.octets === this.announced) this.owner.sendEnd()
    else this.fail(String(this.octets))
  }

  onUploadFailed(error: Error): void {
    this.owner.fail(error)
  }

  private fail(had: string): void {
    const { origin } = this.owner.request
    const message = `content-length says ${this.announced}, but the body has ${had} octets`
    this.owner.fail(new ContentLengthError('request', message, { origin }))
  }
}
