/** SETTINGS (RFC 9113 section 6.5): both sides' values, and the check of what the peer sends. */
import { ErrorCode, MAX_WINDOW_SIZE, Setting } from '../frame/codes.ts'
import { readUint32 } from '../frame/reader.ts'
import { MAX_SETTINGS_ENTRIES } from '../limits.ts'
import { ConnectionFault } from './faults.ts'

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

/** One identifier and its value. */
export type SettingEntry = readonly [id: number, value: number]

/** Named settings as the entries of a frame. */
export function settingEntries(settings: Partial<Settings>): SettingEntry[] {
  const entries: SettingEntry[] = []
  const put = (id: number, value: number | undefined): void => {
    if (value !== undefined && Number.isFinite(value)) entries.push([id, value])
  }
  const bit = (flag: boolean | undefined): number | undefined => (flag === undefined ? undefined : Number(flag))
  put(Setting.HEADER_TABLE_SIZE, settings.headerTableSize)
  put(Setting.ENABLE_PUSH, bit(settings.enablePush))
  put(Setting.MAX_CONCURRENT_STREAMS, settings.maxConcurrentStreams)
  put(Setting.INITIAL_WINDOW_SIZE, settings.initialWindowSize)
  put(Setting.MAX_FRAME_SIZE, settings.maxFrameSize)
  put(Setting.MAX_HEADER_LIST_SIZE, settings.maxHeaderListSize)
  put(Setting.ENABLE_CONNECT_PROTOCOL, bit(settings.enableConnectProtocol))
  put(Setting.NO_RFC7540_PRIORITIES, bit(settings.noRfc7540Priorities))
  return entries
}

/**
 * Reads the payload of a SETTINGS frame. Unknown identifiers are left out (section 6.5.2).
 * @throws {ConnectionFault} when the frame or a value is not allowed.
 */
export function parseSettings(buffer: Uint8Array, start: number, end: number): SettingEntry[] {
  if ((end - start) % 6 !== 0) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS of a broken length')
  if ((end - start) / 6 > MAX_SETTINGS_ENTRIES) {
    throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, `SETTINGS of more than ${MAX_SETTINGS_ENTRIES} entries`)
  }
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
      if (value > 1) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, `setting 0x${id.toString(16)} is ${value}`)
      break
    case Setting.INITIAL_WINDOW_SIZE:
      if (value > MAX_WINDOW_SIZE) {
        throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE is ${value}`)
      }
      break
    case Setting.MAX_FRAME_SIZE:
      if (value < 16_384 || value > 0xffffff) {
        throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE is ${value}`)
      }
      break
    default:
      break
  }
}

/** Writes one received or acknowledged entry into the values. */
export function applySetting(settings: Settings, id: number, value: number): void {
  switch (id) {
    case Setting.HEADER_TABLE_SIZE:
      settings.headerTableSize = value
      break
    case Setting.ENABLE_PUSH:
      settings.enablePush = value === 1
      break
    case Setting.MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value
      break
    case Setting.INITIAL_WINDOW_SIZE:
      settings.initialWindowSize = value
      break
    case Setting.MAX_FRAME_SIZE:
      settings.maxFrameSize = value
      break
    case Setting.MAX_HEADER_LIST_SIZE:
      settings.maxHeaderListSize = value
      break
    case Setting.ENABLE_CONNECT_PROTOCOL:
      settings.enableConnectProtocol = value === 1
      break
    case Setting.NO_RFC7540_PRIORITIES:
      settings.noRfc7540Priorities = value === 1
      break
    default:
      break
  }
}
