/** What is printed to stderr: a line when the process ends, and each frame. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ConnectionMessage } from '../../src/exchange/messages.ts'
import type { FrameMessage } from '../../src/session/frame-message.ts'

/** Counts from now on, and says at the end of the process what came of it. @returns what ends that. */
export function reportAtExit(): () => void {
  const origins = new Set<string>()
  const protocols = { h2: 0, 'http/1.1': 0 }
  let requests = 0
  let again = 0
  const listeners: Readonly<Record<string, (message: unknown) => void>> = {
    'hyper:request:create': (message) => {
      requests++
      origins.add((message as { request: { origin: string } }).request.origin)
    },
    'hyper:request:retry': () => {
      again++
    },
    'hyper:connection:connected': (message) => {
      const { connection } = message as ConnectionMessage
      if (connection !== undefined) protocols[connection.protocol]++
    },
  }
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener)
  const print = (): void => {
    const connections = protocols.h2 + protocols['http/1.1']
    const spoken = `${protocols.h2} HTTP/2, ${protocols['http/1.1']} HTTP/1.1`
    process.stderr.write(
      `hyper-transport: ${count(requests, 'request')} to ${count(origins.size, 'origin')} over ` +
        `${count(connections, 'connection')} (${spoken}); ${again} sent again after a failure\n`,
    )
  }
  process.on('exit', print)
  return () => {
    process.off('exit', print)
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener)
  }
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`
}

/** Prints each frame, as `NODE_DEBUG=hyper` does. @returns what ends that. */
export function logFrames(): () => void {
  const print = (message: unknown): void => {
    const { connection, origin, direction, text } = message as FrameMessage
    process.stderr.write(`HYPER [${connection} ${origin}] ${direction === 'sent' ? '>' : '<'} ${text}\n`)
  }
  subscribe('hyper:connection:frame', print)
  return () => {
    unsubscribe('hyper:connection:frame', print)
  }
}
