/** What the diagnostics channel `hyper:connection:frame` says, and its one line of text. */
import { channels } from '../diagnostics.ts'
import { explain, printable } from '../frame/explain.ts'
import type { Frame } from '../frame/frames.ts'
import type { FieldList } from '../headers/fields.ts'

/** A header section that is longer is not shown whole. */
const MAX_SHOWN = 2000

/** What there is to say of a connection's frames: a frame, or more about the one before. */
export interface FrameFacts {
  /**
   * The frame as it is on the wire (RFC 9113 section 6). Its octets are a copy. A `block` is compressed and holds all values:
   * those that carry secrets, too.
   */
  readonly frame?: Frame | undefined
  /**
   * The header section that the frame before completed: name, value, name, value. Values of `authorization`,
   * `proxy-authorization`, `cookie` and `set-cookie` are `***`.
   */
  readonly fields?: FieldList | undefined
  /** What it took: octets of its block, and the dynamic table after it (RFC 7541 section 2.3.2). */
  readonly hpack?: { readonly octets: number; readonly tableEntries: number; readonly tableSize: number } | undefined
  /** A frame that cannot be read: its type, the octets of its payload, and why. */
  readonly unreadable?: { readonly type: number; readonly octets: number; readonly error: Error } | undefined
}

/** Message of the channel `hyper:connection:frame`: a frame of HTTP/2, or more about the one before. One of the facts is there. */
export interface FrameMessage extends FrameFacts {
  /** `scheme://host:port`. */
  readonly origin: string
  /** Counts the connections that are looked at. */
  readonly connection: number
  /** As this process sees it. */
  readonly direction: 'sent' | 'received'
  /** The same in one line, for people. Values of fields that carry secrets are left out. */
  readonly text: string
}

export function publishFrame(message: FrameMessage): void {
  channels.frame.publish(message)
}

/** One line. What is no legal value is shown, too, and cannot act on a terminal. */
export function describeFrame({ frame, fields, hpack, unreadable }: FrameFacts): string {
  if (frame !== undefined) return explain(frame)
  if (fields !== undefined) return `  ${describeFields(fields)}`
  if (hpack !== undefined) {
    return `  HPACK: ${hpack.octets} octets; table of ${hpack.tableEntries} entries, ${hpack.tableSize} octets`
  }
  if (unreadable === undefined) return ''
  return `a frame of type ${unreadable.type} and ${unreadable.octets} octets that cannot be read: ${String(unreadable.error)}`
}

function describeFields(fields: FieldList): string {
  const shown: string[] = []
  for (let i = 0; i < fields.length; i += 2) shown.push(`${fields[i]}: ${fields[i + 1]}`)
  const text = printable(shown.join(' | '))
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
}
