/**
 * Standard input as a body.
 *
 * It is read when it is a file, a pipe or a socket, never from a terminal or a device. It is read up to its first octets
 * before the request is begun: a pipe that ends without any is no body, and so no reason for POST.
 */

import { fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { isUint8Array } from 'node:util/types'
import { clearTimeout, setTimeout } from '../clock.ts'
import { toError } from '../errors.ts'

/** Milliseconds of silence after which the user is told what is waited for. */
export const STDIN_PATIENCE = 3000

/** Standard input, or what stands in its place. */
export type Input = Readable & { readonly isTTY?: boolean; readonly fd?: number }

/** Is there something that could be a body? */
export function isReadable(input: Input): boolean {
  if (input.isTTY === true) return false
  if (typeof input.fd !== 'number') return true
  try {
    const stat = fstatSync(input.fd)
    return stat.isFile() || stat.isFIFO() || stat.isSocket()
  } catch {
    // It was closed.
    return false
  }
}

/**
 * The body that standard input holds; undefined when it is empty.
 * @param warn told once, when nothing comes.
 */
export async function bodyFrom(
  input: Input,
  warn: (message: string) => void,
  patience = STDIN_PATIENCE,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const timer = setTimeout(() => {
    warn(`waiting for the body on standard input for ${patience / 1000} s; --ignore-stdin sends the request without it`)
  }, patience)
  timer.unref()
  const chunks = input[Symbol.asyncIterator]()
  try {
    const first = await chunks.next()
    return first.done === true ? undefined : continued(first.value, chunks)
  } catch (error) {
    throw new Error(`standard input cannot be read: ${toError(error).message}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

async function* continued(first: unknown, rest: AsyncIterator<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  yield toBytes(first)
  for (;;) {
    const { done, value } = await rest.next()
    if (done === true) return
    yield toBytes(value)
  }
}

function toBytes(chunk: unknown): Uint8Array {
  return isUint8Array(chunk) ? chunk : Buffer.from(String(chunk))
}
