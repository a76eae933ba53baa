#!/usr/bin/env node
/**
 * The `hyper` command: HTTPie's feel on `HTTPConnection`.
 *
 * Rules of the folder
 * - `run(argv, io)` is the whole command: it touches nothing of the process but what `io` gives it, never ends the process,
 *   and never rejects. This file gives it the process's streams, and SIGINT as an abort.
 * - Standard output carries what was asked for and nothing else; notes, warnings, progress and errors go to standard error.
 * - In a pipe octets stay as they came (but for their content coding). On a terminal nothing that a server sent is
 *   written before its control characters are escaped.
 * - Everything is streamed, both ways, with backpressure; only JSON that is written anew is kept, up to a limit.
 * - Nothing waits for a standard input that was not asked for, and nothing is left open at the end.
 * - Errors are one line with a hint and a code; `failures.ts` says which exit code each has.
 * - Nothing that is there is overwritten unless the user named it; nothing is dropped: an option is honoured or refused.
 *
 * How it works
 *
 *     options (the table) -> parser (commander), help, man, completion
 *     arguments -> items -> target, body (nested) | stdin, auth, session -> request
 *         -> conversation: connect, send; again after a challenge, a failure or a redirect
 *         -> output: heads, show-body (text-view: json, xml), trailers | download: file and progress
 *
 * `exchange.ts` is a run from its command line to its exit code; `conversation.ts` keeps one `HTTPConnection` an origin.
 * `debug.ts`, `timing.ts`, `trace.ts` and `inspect.ts` look on from outside, by diagnostics channels. What few runs need is
 * imported when it is needed: `ping.ts`, `load.ts`, `as-code.ts`, `har.ts`, and the libraries of cookies, media types and XML.
 */
import { InterruptedError } from './failures.ts'
import { tooOld } from './node-version.ts'

const interrupted = new AbortController()
// A second one ends the process at once.
process.once('SIGINT', () => interrupted.abort(new InterruptedError()))
// Whoever reads may go at any time, after the end of run(), too.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
process.removeAllListeners('warning')
process.on('warning', ({ message }) => process.stderr.write(`hyper: warning: ${message}\n`))

const complaint = tooOld(process.versions.node)
if (complaint !== undefined) {
  process.stderr.write(`hyper: error: ${complaint}\n`)
  process.exit(1)
}

async function main(): Promise<void> {
  // Only now: what is too new for an old Node is not even read.
  const { run } = await import('./run.ts')
  process.exitCode = await run(process.argv.slice(2), {
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: interrupted.signal,
  })
  // A pipe that is still open would keep the process waiting.
  process.stdin.destroy()
}

void main()
