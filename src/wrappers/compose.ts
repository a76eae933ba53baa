/** Transports around transports. */
import { InvalidArgumentError } from '../errors.ts'
import type { Transport } from '../exchange/contract.ts'

/** Makes a transport of one. */
export type Wrapper = (inner: Transport) => Transport

/**
 * A transport within wrappers, each around what stands before it.
 * @throws {InvalidArgumentError} when one is no function, or makes no transport.
 */
export function compose(transport: Transport, ...wrappers: readonly Wrapper[]): Transport {
  let made = transport
  for (const wrap of wrappers) {
    if (typeof wrap !== 'function')
      throw new InvalidArgumentError('A wrapper is a function that makes a transport of one')
    made = wrap(made)
    if (typeof made?.dispatch !== 'function')
      throw new InvalidArgumentError('A wrapper must return what has dispatch()')
  }
  return made
}
