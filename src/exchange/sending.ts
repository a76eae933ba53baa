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
  readonly upload: UploadBody
  private readonly owner: SendingOwner
  /** Octets that content-length promises, -1 for none; and those that came. */
  private readonly announced: number
  private octets = 0

  constructor(owner: SendingOwner, upload: UploadBody, announced: number) {
    this.owner = owner
    this.upload = upload
    this.announced = announced
  }

  begin(): void {
    this.upload.attach(this)
  }

  resume(): void {
    this.upload.resume(this)
  }

  /** The attempt takes no more. */
  stop(): void {
    this.upload.detach(this)
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
