/**
 * Standard input as a body.
 *
 * It is read when it is a file, a pipe or a socket, never from a terminal or a device. It is read up to its first octets
 * before the request is begun: a pipe that ends without any is no body, and so no reason for POST. A short file is read whole:
 * then its length is known, which some servers of HTTP/1.1 demand, and it can be sent again.
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

/** Octets of a file that are read before the request. */
const MAX_WHOLE = 1 << 20

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

/** Reading it waits for nobody. */
function isFile({ fd }: Input): boolean {
  return typeof fd === 'number' && fstatSync(fd).isFile()
}

/**
 * The body that standard input holds; undefined when it is empty. Of a short file its octets.
 * @param warn told once, when nothing comes.
 */
export async function bodyFrom(
  input: Input,
  warn: (message: string) => void,
  patience = STDIN_PATIENCE,
): Promise<Uint8Array | AsyncIterable<Uint8Array> | undefined> {
  const timer = setTimeout(() => {
    warn(`waiting for the body on standard input for ${patience / 1000} s; --ignore-stdin sends the request without it`)
  }, patience)
  timer.unref()
  const chunks = input[Symbol.asyncIterator]()
  try {
    const most = isFile(input) ? MAX_WHOLE : 0
    const begun: Uint8Array[] = []
    let octets = 0
    do {
      const { done, value } = await chunks.next()
      if (done === true) return octets === 0 ? undefined : Buffer.concat(begun)
      const chunk = toBytes(value)
      begun.push(chunk)
      octets += chunk.length
    } while (octets <= most)
    return continued(begun, chunks)
  } catch (error) {
    throw new Error(`standard input cannot be read: ${toError(error).message}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

async function* continued(
  begun: readonly Uint8Array[],
  rest: AsyncIterator<unknown>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* begun
  for (;;) {
    const { done, value } = await rest.next()
    if (done === true) return
    yield toBytes(value)
  }
}

function toBytes(chunk: unknown): Uint8Array {
  return isUint8Array(chunk) ? chunk : Buffer.from(String(chunk))
}
