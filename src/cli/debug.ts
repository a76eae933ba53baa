/**
 * --debug: each frame of each HTTP/2 connection in one line, what is kept by HPACK, and the steps of connecting.
 *
 * The channels are the process's: what other code does in it at the same time is shown, too.
 */
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ConnectionMessage, RequestMessage } from '../exchange/messages.ts'
import { describeFrame, type FrameMessage } from '../session/frame-message.ts'
import { harmlessLine } from './text.ts'

/**
 * Listens until what is returned is called. Frames are seen of connections that are made later.
 * @param say takes each line.
 */
export function watchFrames(say: (line: string) => void): () => void {
  const tell = (line: string): void => say(harmlessLine(line))
  const listeners: Readonly<Record<string, ChannelListener>> = {
    'hyper:connection:frame': (message) => {
      const { connection, direction, ...facts } = message as FrameMessage
      tell(`[${connection}] ${direction === 'sent' ? '>' : '<'} ${describeFrame(facts)}`)
    },
    'hyper:connection:connecting': (message) => tell(`* connecting to ${(message as ConnectionMessage).origin}`),
    'hyper:connection:step': (message) => tell(`* ${describeStep(message as ConnectionMessage)}`),
    'hyper:request:retry': (message) => tell(`* sent again: ${(message as RequestMessage).error?.message ?? ''}`),
    'hyper:connection:closed': (message) => {
      const { origin, error } = message as ConnectionMessage
      tell(`* closed: ${origin}${error === undefined ? '' : ` (${error.message})`}`)
    },
  }
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener)
  return () => {
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener)
  }
}

function describeStep({ step }: ConnectionMessage): string {
  switch (step?.step) {
    case 'lookup':
      return `${step.host} is ${step.addresses.map(({ address }) => address).join(', ')}`
    case 'attempt':
      return `trying ${step.address} port ${step.port}`
    case 'attempt-failed':
      return `${step.address} port ${step.port}: ${step.error.message}`
    case 'connected':
      return 'connected'
    case 'proxy':
      return `through the proxy ${step.proxy}`
    case 'secure':
      return `${step.version ?? 'TLS'} with the ${step.peer}, ${step.cipher ?? ''}, ${step.protocol}${step.resumed ? ', resumed' : ''}`
    default:
      return 'a step'
  }
}
