/** SETTINGS (RFC 9113 section 6.5): both sides' values, and the check of what the peer sends. */
import { MAX_WINDOW_SIZE, Setting } from '../frame/codes.ts'
import { readUint32 } from '../frame/reader.ts'
import { MAX_SETTINGS_ENTRIES } from '../limits.ts'
import { flood, protocolError, sizeError, windowError } from './faults.ts'

/** The values one side has announced, or RFC 9113's initial ones. */
export interface Settings {
  /** Octets of the HPACK table. Initially 4096. */
  headerTableSize: number
  /** Initially true. */
  enablePush: boolean
  /** Initially no limit. */
  maxConcurrentStreams: number
  /** Octets. Initially 65,535. */
  initialWindowSize: number
  /** Octets. Initially 16,384. */
  maxFrameSize: number
  /** Octets. Initially no limit. */
  maxHeaderListSize: number
  /** RFC 8441. Initially false. */
  enableConnectProtocol: boolean
  /** RFC 9218. Initially false. */
  noRfc7540Priorities: boolean
}

/** RFC 9113 section 6.5.2. */
export function initialSettings(): Settings {
  return {
    headerTableSize: 4096,
    enablePush: true,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowSize: 65_535,
    maxFrameSize: 16_384,
    maxHeaderListSize: Number.POSITIVE_INFINITY,
    enableConnectProtocol: false,
    noRfc7540Priorities: false,
  }
}

/** Which identifier stands for what, in the order in which we send them. */
const NAMES = new Map<number, keyof Settings>([
  [Setting.HEADER_TABLE_SIZE, 'headerTableSize'],
  [Setting.ENABLE_PUSH, 'enablePush'],
  [Setting.MAX_CONCURRENT_STREAMS, 'maxConcurrentStreams'],
  [Setting.INITIAL_WINDOW_SIZE, 'initialWindowSize'],
  [Setting.MAX_FRAME_SIZE, 'maxFrameSize'],
  [Setting.MAX_HEADER_LIST_SIZE, 'maxHeaderListSize'],
  [Setting.ENABLE_CONNECT_PROTOCOL, 'enableConnectProtocol'],
  [Setting.NO_RFC7540_PRIORITIES, 'noRfc7540Priorities'],
])

/** One identifier and its value. */
export type SettingEntry = readonly [id: number, value: number]

/** Named settings as the entries of a frame. */
export function settingEntries(settings: Partial<Settings>): SettingEntry[] {
  const entries: SettingEntry[] = []
  for (const [id, name] of NAMES) {
    const value = Number(settings[name])
    if (Number.isFinite(value)) entries.push([id, value])
  }
  return entries
}

/**
 * Reads the payload of a SETTINGS frame. Unknown identifiers are ignored where entries are applied (section 6.5.2).
 * @throws {ConnectionFault} when the frame or a value is not allowed.
 */
export function parseSettings(buffer: Uint8Array, start: number, end: number): SettingEntry[] {
  if ((end - start) % 6 !== 0) throw sizeError('SETTINGS of a broken length')
  if ((end - start) / 6 > MAX_SETTINGS_ENTRIES) throw flood(`SETTINGS of more than ${MAX_SETTINGS_ENTRIES} entries`)
  const entries: SettingEntry[] = []
  for (let at = start; at < end; at += 6) {
    const id = (buffer[at] << 8) | buffer[at + 1]
    const value = readUint32(buffer, at + 2)
    checkSetting(id, value)
    entries.push([id, value])
  }
  return entries
}

function checkSetting(id: number, value: number): void {
  switch (id) {
    case Setting.ENABLE_PUSH:
    case Setting.ENABLE_CONNECT_PROTOCOL:
    case Setting.NO_RFC7540_PRIORITIES:
      if (value > 1) throw protocolError(`setting 0x${id.toString(16)} is ${value}`)
      break
    case Setting.INITIAL_WINDOW_SIZE:
      if (value > MAX_WINDOW_SIZE) throw windowError(`SETTINGS_INITIAL_WINDOW_SIZE is ${value}`)
      break
    case Setting.MAX_FRAME_SIZE:
      if (value < 16_384 || value > 0xffffff) throw protocolError(`SETTINGS_MAX_FRAME_SIZE is ${value}`)
      break
    default:
      break
  }
}

/** Writes one received or acknowledged entry into the values. */
export function applySetting(settings: Settings, id: number, value: number): void {
  const name = NAMES.get(id)
  if (name === 'enablePush' || name === 'enableConnectProtocol' || name === 'noRfc7540Priorities') {
    settings[name] = value === 1
  } else if (name !== undefined) {
    settings[name] = value
  }
}
