/** One line a frame, for people. */
import { errorCodeName, Setting } from './codes.ts'
import type { Frame } from './frames.ts'

const CONTROL = /[\0-\x1f\x7f-\x9f]/g

const settingNames = new Map<number, string>(Object.entries(Setting).map(([name, id]) => [id, name]))

/**
 * Describes a frame in one line, for logs and terminals: `HEADERS stream 1: 42 octets, END_STREAM, END_HEADERS`. What the peer
 * wrote as text is shown without its control characters, which could act on a terminal: `\x1b`.
 */
export function explain(frame: Frame): string {
  const name = frameName(frame)
  const where = frame.streamId === 0 ? name : `${name} stream ${frame.streamId}`
  const facts = frameDetails(frame)
  return facts === '' ? where : `${where}: ${facts}`
}

/** `HEADERS`; of a type that is not known here `type 0x2a`. */
export function frameName(frame: Frame): string {
  return frame.type === 'UNKNOWN' ? `type 0x${frame.typeCode.toString(16)}` : frame.type
}

/** What there is to say beside name and stream, without control characters: `42 octets, END_STREAM`. */
export function frameDetails(frame: Frame): string {
  return printable(
    details(frame)
      .filter((fact) => fact !== '')
      .join(', '),
  )
}

/** Text with each control character (C0, DEL, C1) as `\x` and its number. */
export function printable(text: string): string {
  return text.replace(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function details(frame: Frame): string[] {
  switch (frame.type) {
    case 'DATA':
      return [octets(frame.data), padding(frame.padding), when(frame.endStream, 'END_STREAM')]
    case 'HEADERS':
      return [
        octets(frame.block),
        padding(frame.padding),
        frame.priority === undefined ? '' : `depends on ${frame.priority.dependsOn}, weight ${frame.priority.weight}`,
        when(frame.endStream, 'END_STREAM'),
        when(frame.endHeaders, 'END_HEADERS'),
      ]
    case 'PRIORITY':
      return [`depends on ${frame.dependsOn}`, `weight ${frame.weight}`, when(frame.exclusive, 'exclusive')]
    case 'RST_STREAM':
      return [errorCodeName(frame.errorCode)]
    case 'SETTINGS':
      return [when(frame.ack, 'ACK'), ...frame.settings.map(setting)]
    case 'PUSH_PROMISE':
      return [
        `promises stream ${frame.promisedStreamId}`,
        octets(frame.block),
        padding(frame.padding),
        when(frame.endHeaders, 'END_HEADERS'),
      ]
    case 'PING':
      return [Buffer.from(frame.payload).toString('hex'), when(frame.ack, 'ACK')]
    case 'GOAWAY':
      return [
        errorCodeName(frame.errorCode),
        `last stream ${frame.lastStreamId}`,
        frame.debugData.length === 0 ? '' : JSON.stringify(Buffer.from(frame.debugData).toString('latin1')),
      ]
    case 'WINDOW_UPDATE':
      return [`+${frame.increment}`]
    case 'CONTINUATION':
      return [octets(frame.block), when(frame.endHeaders, 'END_HEADERS')]
    case 'ALTSVC':
      return [when(frame.origin !== '', frame.origin), frame.value]
    case 'ORIGIN':
      return [...frame.origins]
    case 'PRIORITY_UPDATE':
      return [`of stream ${frame.prioritizedStreamId}`, JSON.stringify(frame.value)]
    case 'UNKNOWN':
      return [octets(frame.payload), `flags 0x${frame.flags.toString(16)}`]
  }
}

function octets(data: Uint8Array): string {
  return `${data.length} octets`
}

function padding(length: number | undefined): string {
  return length === undefined ? '' : `${length} of padding`
}

function when(flag: boolean, text: string): string {
  return flag ? text : ''
}

function setting([id, value]: readonly [number, number]): string {
  return `${settingNames.get(id) ?? `0x${id.toString(16)}`}=${value}`
}
