/** permessage-deflate (RFC 7692 section 7) as an extension: its parameters, and the engines of `deflate.ts` behind them. */
import {
  type Agreement,
  type DeflateAgreement,
  type DeflateOptions,
  type DeflateSettings,
  deflateSettings,
} from './agreement.ts'
import { Deflater, Inflater } from './deflate.ts'
import { LocalProtocolError } from './errors.ts'
import { checkExtensions, type ExtensionParameter, mismatch, type WebSocketExtension } from './extension.ts'

const RSV1 = 4

/**
 * The extensions that options ask for, compression first.
 * @throws {LocalProtocolError} when a value is out of its range, or two cannot be used together.
 */
export function extensionsOf(
  role: 'client' | 'server',
  deflate: boolean | DeflateOptions | undefined,
  others: readonly WebSocketExtension[] = [],
): WebSocketExtension[] {
  const settings = deflateSettings(deflate)
  const all = settings === null ? [...others] : [new PermessageDeflate(role, settings), ...others]
  checkExtensions(all)
  return all
}

/** What is agreed on: compression by its parameters, and where there is more than that, all of it. */
export function agreementOf(subprotocol: string | undefined, active: readonly WebSocketExtension[]): Agreement {
  const compression = active.find((one) => one instanceof PermessageDeflate)
  const agreement = { subprotocol, deflate: compression?.agreement ?? null }
  return active.every((one) => one === compression) ? agreement : { ...agreement, extensions: active }
}

export class PermessageDeflate implements WebSocketExtension {
  readonly name = 'permessage-deflate'
  readonly rsv = RSV1
  /** Null until both ends have agreed. */
  agreement: DeflateAgreement | null
  private readonly role: 'client' | 'server'
  private readonly settings: DeflateSettings
  private deflater: Deflater | null = null
  private inflater: Inflater | null = null

  /** @param agreement the outcome of a handshake that was made elsewhere. */
  constructor(role: 'client' | 'server', settings: DeflateSettings, agreement: DeflateAgreement | null = null) {
    this.role = role
    this.settings = settings
    this.agreement = agreement
  }

  offer(): string {
    const { settings } = this
    const offer: string[] = []
    if (settings.serverNoContextTakeover) offer.push('server_no_context_takeover')
    if (settings.clientNoContextTakeover) offer.push('client_no_context_takeover')
    if (settings.serverMaxWindowBits < 15) offer.push(`server_max_window_bits=${settings.serverMaxWindowBits}`)
    // Without a value it says that the server may limit our window (section 7.1.2.2).
    const limit = settings.clientMaxWindowBits < 15 ? `=${settings.clientMaxWindowBits}` : ''
    offer.push(`client_max_window_bits${limit}`)
    return offer.join('; ')
  }

  accept(parameters: readonly ExtensionParameter[]): string | null {
    const { settings } = this
    const offer = readParams(parameters)
    if (offer === null) return null
    // Only who said client_max_window_bits may be told to use less (section 7.1.2.2).
    if (offer.clientMaxWindowBits === undefined && settings.clientMaxWindowBits < 15) return null
    const serverNoContextTakeover = offer.serverNoContextTakeover || settings.serverNoContextTakeover
    const clientNoContextTakeover = offer.clientNoContextTakeover || settings.clientNoContextTakeover
    const serverMaxWindowBits = Math.min(offer.serverMaxWindowBits ?? 15, settings.serverMaxWindowBits)
    const clientMaxWindowBits = Math.min(offer.clientMaxWindowBits ?? 15, settings.clientMaxWindowBits)
    const answer: string[] = []
    if (serverNoContextTakeover) answer.push('server_no_context_takeover')
    if (clientNoContextTakeover) answer.push('client_no_context_takeover')
    if (serverMaxWindowBits < 15 || offer.serverMaxWindowBits !== undefined) {
      answer.push(`server_max_window_bits=${serverMaxWindowBits}`)
    }
    if (clientMaxWindowBits < 15) answer.push(`client_max_window_bits=${clientMaxWindowBits}`)
    this.agreement = { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits }
    return answer.join('; ')
  }

  confirm(parameters: readonly ExtensionParameter[]): void {
    const { settings } = this
    const answer = readParams(parameters)
    if (answer === null || parameters.some(([key, value]) => key === 'client_max_window_bits' && value === undefined)) {
      throw mismatch('the parameters of permessage-deflate are invalid')
    }
    const { serverMaxWindowBits = 15, clientMaxWindowBits = 15 } = answer
    if (serverMaxWindowBits > settings.serverMaxWindowBits) {
      throw mismatch('the server keeps a larger window than was asked for')
    }
    if (settings.serverNoContextTakeover && !answer.serverNoContextTakeover) {
      throw mismatch('the server keeps its context although it was asked not to')
    }
    this.agreement = {
      serverNoContextTakeover: answer.serverNoContextTakeover,
      clientNoContextTakeover: answer.clientNoContextTakeover || settings.clientNoContextTakeover,
      serverMaxWindowBits,
      clientMaxWindowBits: Math.min(clientMaxWindowBits, settings.clientMaxWindowBits),
    }
  }

  wants(octets: number, whole: boolean): boolean {
    return !whole || octets >= this.settings.threshold
  }

  encode(octets: Uint8Array, last: boolean): Uint8Array {
    const { level, memLevel } = this.settings
    this.deflater ??= new Deflater(...this.direction(this.role), level, memLevel)
    return this.deflater.deflate(octets, last)
  }

  decode(payload: Uint8Array, limit: number): Uint8Array {
    this.inflater ??= new Inflater(...this.direction(this.role === 'client' ? 'server' : 'client'))
    return this.inflater.inflate(payload, limit)
  }

  /** How that end compresses. */
  private direction(end: 'client' | 'server'): readonly [bits: number, noContextTakeover: boolean] {
    const { agreement } = this
    if (agreement === null) throw new LocalProtocolError('permessage-deflate is used before it is agreed on')
    return end === 'client'
      ? [agreement.clientMaxWindowBits, agreement.clientNoContextTakeover]
      : [agreement.serverMaxWindowBits, agreement.serverNoContextTakeover]
  }
}

interface Params {
  serverNoContextTakeover: boolean
  clientNoContextTakeover: boolean
  serverMaxWindowBits: number | undefined
  /** 15 when it came without a value. */
  clientMaxWindowBits: number | undefined
}

/** Null when a parameter is unknown, comes twice, or has a wrong value: such an offer is declined (section 7.1). */
function readParams(params: readonly ExtensionParameter[]): Params | null {
  const found: Params = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  }
  if (new Set(params.map(([key]) => key)).size < params.length) return null
  for (const [key, value] of params) {
    if (key === 'server_no_context_takeover' && value === undefined) found.serverNoContextTakeover = true
    else if (key === 'client_no_context_takeover' && value === undefined) found.clientNoContextTakeover = true
    else if (key === 'client_max_window_bits' && value === undefined) found.clientMaxWindowBits = 15
    else if (value === undefined || !/^(?:[89]|1[0-5])$/.test(value)) return null
    else if (key === 'server_max_window_bits') found.serverMaxWindowBits = Number(value)
    else if (key === 'client_max_window_bits') found.clientMaxWindowBits = Number(value)
    else return null
  }
  return found
}
