/** What node:http and our engine make of the same octets. node:http is at the other end of a real connection. */
import http, { type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { asked, Client, GET, octetsOf, type Server } from './support.ts'

/** What was understood; undefined when nothing was. */
export interface Understood {
  readonly start: readonly unknown[]
  readonly fields: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
}

async function understood(message: IncomingMessage, start: readonly unknown[]): Promise<Understood | undefined> {
  try {
    let body = ''
    message.setEncoding('latin1')
    for await (const piece of message) body += piece
    if (!message.complete) return undefined
    return { start, fields: message.rawHeaders, body, trailers: message.rawTrailers }
  } catch {
    return undefined
  }
}

/** node:http asks, and this is the answer. */
export class NodeClient implements AsyncDisposable {
  private readonly server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(this.answer))
  })
  private answer = octetsOf('')

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return this
  }

  async read(text: string): Promise<Understood | undefined> {
    this.answer = octetsOf(text)
    const { port } = this.server.address() as AddressInfo
    return new Promise((resolve) => {
      const request = http.request({ port, host: '127.0.0.1', agent: false, headers: { host: 'a' } })
      request.on('response', (response) => {
        resolve(understood(response, [response.httpVersion, response.statusCode, response.statusMessage]))
      })
      request.on('error', () => resolve(undefined))
      request.on('upgrade', (_response, socket) => {
        socket.destroy()
        resolve(undefined)
      })
      request.end()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<unknown>((resolve) => this.server.close(resolve))
  }
}

/** node:http is asked this. */
export class NodeServer implements AsyncDisposable {
  private hear: (message: Promise<Understood | undefined> | undefined) => void = () => {}
  private readonly server = http.createServer((request, response) => {
    const { httpVersion, method, url } = request
    this.hear(understood(request, [httpVersion, method, url]))
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('end', () => response.end())
  })

  async start(): Promise<this> {
    const refuse = (_message: unknown, socket: { destroy(): void }): void => {
      socket.destroy()
      this.hear(undefined)
    }
    this.server.on('clientError', refuse).on('connect', refuse)
    // What it cannot upgrade to it answers as HTTP/1.1.
    this.server.on('checkExpectation', (request, response) => this.server.emit('request', request, response))
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return this
  }

  async read(text: string): Promise<Understood | undefined> {
    const { port } = this.server.address() as AddressInfo
    let socket: Socket | undefined
    try {
      return await new Promise<Understood | undefined>((resolve) => {
        this.hear = resolve
        socket = connect(port, '127.0.0.1')
        socket.on('error', () => resolve(undefined))
        socket.on('close', () => resolve(undefined))
        socket.resume()
        socket.end(octetsOf(text))
      })
    } finally {
      socket?.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections()
    await new Promise<unknown>((resolve) => this.server.close(resolve))
  }
}

/** The first message only: what follows it belongs to no request. */
export function ourClient(text: string): Understood | undefined {
  const client = new Client()
  client.h1.request(GET)
  client.receive(text)
  client.h1.receiveEnd()
  const end = client.told.findIndex(([what]) => what === 'end')
  const told = client.told[end]
  if (told?.[0] !== 'end') return undefined
  const { version, status, reason, raw } = client.head
  return { start: [version, status, reason], fields: raw, body: client.body, trailers: told[2] }
}

export function ourServer(text: string): Understood | undefined {
  const server: Server = asked(text)
  server.h1.receiveEnd()
  const end = server.told.findIndex(([what]) => what === 'end')
  const told = server.told[end]
  if (told?.[0] !== 'end') return undefined
  const { version, method, target, raw } = server.head
  return { start: [version, method, target], fields: raw, body: server.body, trailers: told[2] }
}
