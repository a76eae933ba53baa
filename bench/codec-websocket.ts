/**
 * WebSocket alone, without a socket: masking, and messages from frames and back, in both roles.
 *
 * Method: the figure of each case is its fastest turn, which is the one least disturbed by the machine's other work.
 * Masking is compared with the plain loop, octet by octet, which takes turns with it.
 *
 * Run alone: `npx node bench/codec-websocket.ts`.
 */
import { Buffer } from 'node:buffer'
import { pathToFileURL } from 'node:url'
import { type Agreement, WSConnection } from '../src/websocket/index.ts'
import { applyMask } from '../src/websocket/mask.ts'

export interface WebSocketResult {
  /** Megabytes masked a second, 1 MiB at a time; and how many times as fast as the plain loop. */
  readonly maskMegabytes: number
  readonly maskRatio: number
  /** Messages of one frame read a second, by case. */
  readonly read: Readonly<Record<string, number>>
  /** Messages of one frame written a second, by case. */
  readonly write: Readonly<Record<string, number>>
}

const TURNS = 5
/** Milliseconds of one turn. */
const TURN = 25

/** Nanoseconds that one call of each takes, in turns, the fastest turn of each. */
function compare(...actions: (() => void)[]): number[] {
  const best = actions.map(() => Number.POSITIVE_INFINITY)
  for (let turn = 0; turn < TURNS; turn++) {
    actions.forEach((action, i) => {
      const start = performance.now()
      let calls = 0
      let elapsed = 0
      do {
        action()
        calls++
        elapsed = performance.now() - start
      } while (elapsed < TURN)
      best[i] = Math.min(best[i], (elapsed * 1e6) / calls)
    })
  }
  return best
}

const PLAIN: Agreement = { subprotocol: undefined, deflate: null }
const DEFLATE: Agreement = {
  subprotocol: undefined,
  deflate: {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  },
}

interface Case {
  readonly sender: 'client' | 'server'
  readonly data: string | Uint8Array
  readonly agreement: Agreement
}

const JSON_TEXT = JSON.stringify({
  type: 'update',
  items: Array.from({ length: 8 }, (_, id) => ({ id, price: id * 7 })),
})

const CASES: Readonly<Record<string, Case>> = {
  'text of 32, from a client': { sender: 'client', data: 'x'.repeat(32), agreement: PLAIN },
  'text of 32, from a server': { sender: 'server', data: 'x'.repeat(32), agreement: PLAIN },
  '1 KiB, from a client': { sender: 'client', data: Buffer.alloc(1024, 'x'), agreement: PLAIN },
  '1 KiB, from a server': { sender: 'server', data: Buffer.alloc(1024, 'x'), agreement: PLAIN },
  '64 KiB, from a client': { sender: 'client', data: Buffer.alloc(65_536, 'x'), agreement: PLAIN },
  'JSON of 200, compressed': { sender: 'server', data: JSON_TEXT, agreement: DEFLATE },
}

function write(connection: WSConnection, data: string | Uint8Array): Uint8Array {
  return connection.send(typeof data === 'string' ? { type: 'text', data } : { type: 'bytes', data })
}

export function run(): WebSocketResult {
  const memory = Buffer.alloc(2 ** 20)
  const key = Uint8Array.of(1, 2, 3, 4)
  const [fast, plain] = compare(
    () => applyMask(memory, 0, memory.length, key),
    () => {
      for (let i = 0; i < memory.length; i++) memory[i] ^= key[i & 3]
    },
  )
  const readRates: Record<string, number> = {}
  const writeRates: Record<string, number> = {}
  for (const [name, { sender, data, agreement }] of Object.entries(CASES)) {
    const from = new WSConnection({ role: sender, agreement })
    const to = new WSConnection({ role: sender === 'client' ? 'server' : 'client', agreement })
    // One read of a socket holds as many frames as fit into 64 KiB.
    const first = write(from, data)
    to.receive(first)
    const frames = Math.max(1, Math.min(agreement.deflate === null ? 1000 : 20, Math.floor(65_536 / first.length)))
    const chunk = Buffer.concat(Array.from({ length: frames }, () => write(from, data)))
    let octets = 0
    const [reading, writing] = compare(
      () => {
        to.receive(chunk)
        for (const event of to.events()) if (event.type === 'bytes') octets += event.data.length
      },
      () => {
        for (let i = 0; i < frames; i++) octets += write(from, data).length
      },
    )
    if (octets === 0 || to.state !== 'open') throw new Error('what was measured did not happen')
    readRates[name] = Math.round((frames * 1e9) / reading)
    writeRates[name] = Math.round((frames * 1e9) / writing)
  }
  return {
    maskMegabytes: Math.round((memory.length * 1e3) / fast),
    maskRatio: plain / fast,
    read: readRates,
    write: writeRates,
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { maskMegabytes, maskRatio, read, write } = run()
  console.log(`masking: ${maskMegabytes} MB/s, ${maskRatio.toFixed(1)} times as fast as octet by octet`)
  for (const [name, rate] of Object.entries(read)) {
    console.log(`${name}: ${rate} messages/s read, ${write[name]} written`)
  }
}
