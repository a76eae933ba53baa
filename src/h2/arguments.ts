/**
 * Numbers that the owner of a connection hands in. What may not stand in a frame is refused here, before anything is changed: the
 * peer would end the whole connection for it.
 */
import { InvalidArgumentError } from '../errors.ts'
import { MAX_WINDOW_SIZE } from '../frame/codes.ts'
import { type Check, checkEach, isObject } from '../option-checks.ts'
import { refuseUnknown } from '../option-names.ts'
import type { Settings } from './settings.ts'

const MAX_UINT32 = 0xffff_ffff

function between(least: number, most: number): Check {
  return (name, value) => {
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return
    throw new InvalidArgumentError(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}`)
  }
}

const uint32 = between(0, MAX_UINT32)

/** No limit is what a side begins with, and nothing that can be said. */
const limit: Check = (name, value) => {
  if (value !== Number.POSITIVE_INFINITY) uint32(name, value)
}

const yesOrNo: Check = (name, value) => {
  if (typeof value !== 'boolean') throw new InvalidArgumentError(`${name} must be true or false, not ${String(value)}`)
}

/** RFC 9113 section 6.5.2. */
const SETTINGS: Readonly<Record<keyof Settings, Check>> = {
  headerTableSize: uint32,
  enablePush: yesOrNo,
  maxConcurrentStreams: limit,
  initialWindowSize: between(0, MAX_WINDOW_SIZE),
  maxFrameSize: between(16_384, 0xff_ffff),
  maxHeaderListSize: limit,
  enableConnectProtocol: yesOrNo,
  noRfc7540Priorities: yesOrNo,
}
const NAMES: ReadonlySet<string> = new Set(Object.keys(SETTINGS))

/** @throws {InvalidArgumentError} naming the setting that is unknown, or has a value that it may not have. */
export function checkSettings(settings: Partial<Settings>, role: 'client' | 'server'): void {
  isObject('settings', settings)
  refuseUnknown(settings, NAMES)
  checkEach(settings, SETTINGS)
  if (role === 'server' && settings.enablePush === true) {
    throw new InvalidArgumentError('enablePush is for clients: a server may not ask for pushes')
  }
}

/** @throws {InvalidArgumentError} when it is none of 32 bits. */
export function checkCode(code: number): void {
  uint32('An error code', code)
}

/** @throws {InvalidArgumentError} when it is no number of octets. */
export function checkOctets(octets: number): void {
  if (!Number.isInteger(octets) || octets < 0) {
    throw new InvalidArgumentError(`octets must be a whole number of 0 or more, not ${octets}`)
  }
}
