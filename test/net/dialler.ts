/** Dials as promises, with the sockets of the client counted. */
import assert from 'node:assert/strict'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import type { ConnectOptions, HyperError } from '../../src/index.ts'
import {
  Connector,
  type ConnectorSeams,
  type ConnectorSettings,
  type ConnectStep,
  type Dial,
  type Dialled,
} from '../../src/net/connector.ts'
import { parseOrigin } from '../../src/net/origin.ts'

export interface Attempt {
  readonly dial: Dial
  readonly result: Promise<Dialled>
  readonly steps: readonly ConnectStep[]
}

export class Dialler implements Disposable {
  readonly connector: Connector
  /** Every TCP socket that was made. */
  readonly sockets: Socket[] = []
  private readonly dialled: Dialled[] = []

  constructor(settings: ConnectorSettings = {}, seams: ConnectorSeams = {}) {
    const make = seams.connect ?? ((options: TcpNetConnectOpts) => connect(options))
    this.connector = new Connector(settings, {
      ...seams,
      connect: (options) => {
        const socket = make(options)
        this.sockets.push(socket)
        return socket
      },
    })
  }

  begin(origin: string, options: ConnectOptions = {}): Attempt {
    const steps: ConnectStep[] = []
    let calls = 0
    let dial: Dial | undefined
    const result = new Promise<Dialled>((resolve, reject) => {
      dial = this.connector.dial(
        parseOrigin(origin),
        options,
        (error, dialled) => {
          assert.equal(++calls, 1, 'the callback is called once')
          assert.notEqual(dial, undefined, 'and not before dial() has returned')
          if (dialled === null) {
            reject(error)
            return
          }
          this.dialled.push(dialled)
          resolve(dialled)
        },
        { onStep: (step) => steps.push(step) },
      )
    })
    result.catch(() => {})
    assert.ok(dial)
    return { dial, result, steps }
  }

  dial(origin: string, options: ConnectOptions = {}): Promise<Dialled> {
    return this.begin(origin, options).result
  }

  async failure(origin: string, options: ConnectOptions = {}): Promise<HyperError & { phase?: string }> {
    return errorOf(this.begin(origin, options))
  }

  /** TCP sockets that are not destroyed. */
  get open(): number {
    return this.sockets.filter((socket) => !socket.destroyed).length
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.dialled) socket.destroy()
    this.connector.close()
    for (const socket of this.sockets) socket.destroy()
  }
}

export async function errorOf({ result }: Pick<Attempt, 'result'>): Promise<HyperError & { phase?: string }> {
  return result.then(
    () => assert.fail('it was connected'),
    (error) => error,
  )
}

/** Waits until something is so; not for ever. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 5000, `waited for ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Sends one HTTP/1.1 request by hand and gives the answer's status line. */
export async function ask({ socket }: Dialled, host: string): Promise<string> {
  socket.write(`GET /json HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text.slice(0, text.indexOf('\r\n'))
}
