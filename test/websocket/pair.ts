/** Connections that talk to each other in memory, and frames written by hand. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import {
  type Agreement,
  type RemoteProtocolError,
  type WebSocketEvent,
  WSConnection,
  type WSConnectionOptions,
} from '../../src/websocket/index.ts'

export const PLAIN: Agreement = { subprotocol: undefined, deflate: null }

export const DEFLATE: Agreement = {
  subprotocol: undefined,
  deflate: {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  },
}

/** An open connection. */
export function opened(role: 'client' | 'server', options: Partial<WSConnectionOptions> = {}): WSConnection {
  return new WSConnection({ role, agreement: PLAIN, ...options })
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

/** A frame as a server sends it, whatever the rules say. */
export function frame(first: number, payload: Uint8Array | string = ''): Buffer {
  const octets = Buffer.from(payload as string)
  const { length } = octets
  if (length < 126) return Buffer.concat([Uint8Array.of(first, length), octets])
  const header = Buffer.alloc(length < 65_536 ? 4 : 10)
  header[0] = first
  if (length < 65_536) {
    header[1] = 126
    header.writeUInt16BE(length, 2)
  } else {
    header[1] = 127
    header.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([header, octets])
}

export function events(connection: WSConnection): WebSocketEvent[] {
  return [...connection.events()]
}

/** The events after receiving this. */
export function after(connection: WSConnection, ...octets: (Uint8Array | string)[]): WebSocketEvent[] {
  for (const piece of octets) connection.receive(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
  return events(connection)
}

/** What the messages among events amount to, pieces put together. */
export function messages(list: readonly WebSocketEvent[]): (string | Buffer)[] {
  const whole: (string | Buffer)[] = []
  let text = ''
  let bytes: Uint8Array[] = []
  for (const event of list) {
    if (event.type === 'text') {
      text += event.data
      if (event.messageFinished) {
        whole.push(text)
        text = ''
      }
    } else if (event.type === 'bytes') {
      bytes.push(event.data)
      if (event.messageFinished) {
        whole.push(Buffer.concat(bytes))
        bytes = []
      }
    }
  }
  return whole
}

/** Asserts that the connection has failed with this close code, and told the peer so. */
export function failed(connection: WSConnection, code: number): RemoteProtocolError {
  const last = events(connection).at(-1)
  assert.ok(last?.type === 'error', `no error but ${JSON.stringify(last)}`)
  assert.equal(last.error.closeCode, code)
  assert.equal(connection.state, 'closed')
  return last.error
}

/** The code in a close frame of a server. */
export function closeCode(octets: Uint8Array): number {
  assert.equal(octets[0], 0x88)
  return octets[2] * 256 + octets[3]
}
