/** Values of options: what one may be, and the error that says so. Names of options are checked in option-names.ts. */
import { InvalidArgumentError } from './errors.ts'

/** @throws {InvalidArgumentError} when the option of this name may not have this value. */
export type Check = (name: string, value: unknown) => void

/** The largest whole number that an option may be, unless Infinity is allowed: what fits 31 bits. */
const MAX_WHOLE = 0x7fff_ffff

/**
 * A whole number.
 * @param endless may it be Infinity?
 */
export function whole(least: number, endless = false): Check {
  return (name, value) => {
    if (endless && value === Number.POSITIVE_INFINITY) return
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= MAX_WHOLE) return
    throw new InvalidArgumentError(
      `${name} must be a whole number from ${least} to ${MAX_WHOLE}${endless ? ', or Infinity' : ''}, not ${String(value)}`,
    )
  }
}

export function oneOf(...allowed: readonly unknown[]): Check {
  const list = allowed.map((one) => JSON.stringify(one)).join(', ')
  return (name, value) => {
    if (allowed.includes(value)) return
    throw new InvalidArgumentError(`${name} must be one of ${list}, not ${String(value)}`)
  }
}

/** A number of milliseconds; 0 means no limit. */
export const milliseconds: Check = (name, value) => {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return
  throw new InvalidArgumentError(`${name} must be a number of milliseconds, 0 or more, not ${String(value)}`)
}

/** @param what kind of function, for the message. */
export function func(what: string): Check {
  return (name, value) => {
    if (typeof value !== 'function') throw new InvalidArgumentError(`${name} must be ${what}`)
  }
}

export const text: Check = (name, value) => {
  if (typeof value !== 'string' || value === '') {
    throw new InvalidArgumentError(`${name} must be text that is not empty`)
  }
}

export const isObject: Check = (name, value) => {
  if (typeof value !== 'object' || value === null) throw new InvalidArgumentError(`${name} must be an object`)
}

/**
 * Checks each option that is given; one that is undefined counts as absent.
 * @param checks has a check for each name: unknown names have been refused.
 */
export function checkEach(options: object, checks: Readonly<Record<string, Check>>): void {
  for (const [name, value] of Object.entries(options)) if (value !== undefined) checks[name](name, value)
}
