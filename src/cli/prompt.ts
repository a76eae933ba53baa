/** Asks for a password on the terminal, without showing it. */
import { Writable } from 'node:stream'
import { InterruptedError, UsageError } from './failures.ts'
import type { Stream } from './sink.ts'
import type { Input } from './stdin.ts'

/**
 * @returns `user:password`, which stands there already or is completed by the user.
 * @throws {UsageError} when there is nobody to ask.
 */
export async function completeCredentials(
  auth: string,
  input: Input,
  output: Stream,
  signal: AbortSignal,
): Promise<string> {
  if (auth.includes(':')) return auth
  if (input.isTTY !== true) {
    throw new UsageError('--auth needs USER:PASS: there is no terminal to ask for the password')
  }
  return `${auth}:${await askSecret(`Password of ${auth}: `, input, output, signal)}`
}

/** What is typed up to the end of the line; it is not shown. */
export async function askSecret(question: string, input: Input, output: Stream, signal: AbortSignal): Promise<string> {
  const { createInterface } = await import('node:readline')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: silent, terminal: true })
  // Only now: from here on the terminal shows nothing of what is typed.
  output.write(question)
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('close', () => reject(new UsageError('no password was given')))
      // The terminal hands Ctrl-C to whoever reads lines.
      lines.once('SIGINT', () => reject(new InterruptedError()))
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  } finally {
    lines.close()
    output.write('\n')
  }
}
