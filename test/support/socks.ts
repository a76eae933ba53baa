/**
 * A SOCKS proxy for tests: CONNECT of SOCKS 5 (RFC 1928, user and password by RFC 1929), 4 and 4a. It writes down what it
 * was asked for, and connects over the loopback interface.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface SocksSettings {
  /** Wanted of SOCKS 5 clients: `user:password`. */
  readonly credentials?: string
  /** The code with which SOCKS 5 requests are refused. */
  readonly refuseWith?: number
  /** Says nothing at all. */
  readonly silent?: boolean
  /** Octets that come with the reply, as if the origin had spoken at once. */
  readonly eager?: string
}

export interface SocksAsked {
  readonly version: 4 | 5
  /** An address or a name, as it was asked for. */
  readonly host: string
  readonly port: number
  readonly user: string | undefined
}

export interface TestSocks extends AsyncDisposable {
  readonly port: number
  readonly asked: readonly SocksAsked[]
  readonly connections: number
  readonly open: number
  close(): Promise<void>
}

export async function startSocks(settings: SocksSettings = {}): Promise<TestSocks> {
  const asked: SocksAsked[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const keep = (socket: Socket): Socket => {
    sockets.add(socket.setNoDelay(true))
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer((client) => {
    connections++
    keep(client)
    if (settings.silent) {
      client.resume()
      return
    }
    serve(client, settings, asked, keep).catch(() => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    get connections() {
      return connections
    },
    get open() {
      return sockets.size
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function serve(
  client: Socket,
  settings: SocksSettings,
  asked: SocksAsked[],
  keep: (socket: Socket) => Socket,
): Promise<void> {
  const read = reader(client)
  const [version] = await read(1)
  const request = version === 4 ? await readSocks4(read) : await readSocks5(read, client, settings)
  if (request === undefined) {
    client.end()
    return
  }
  asked.push(request)
  if (version === 5 && settings.refuseWith !== undefined) {
    client.end(Buffer.from([5, settings.refuseWith, 0, 1, 0, 0, 0, 0, 0, 0]))
    return
  }
  const host = request.host === 'localhost' ? '127.0.0.1' : request.host
  const upstream = keep(connect(request.port, host))
  upstream.once('error', () => client.destroy())
  upstream.once('connect', () => {
    const reply = version === 4 ? [0, 90, 0, 0, 0, 0, 0, 0] : [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    client.write(Buffer.concat([Buffer.from(reply), Buffer.from(settings.eager ?? '')]))
    client.pipe(upstream).pipe(client)
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  })
}

type Read = (length: number) => Promise<Buffer>

async function readSocks5(read: Read, client: Socket, settings: SocksSettings): Promise<SocksAsked | undefined> {
  const methods = await read((await read(1))[0])
  let user: string | undefined
  if (settings.credentials === undefined) {
    client.write(Buffer.from([5, 0]))
  } else {
    if (!methods.includes(2)) {
      client.write(Buffer.from([5, 0xff]))
      return undefined
    }
    client.write(Buffer.from([5, 2]))
    const [, nameLength] = await read(2)
    user = (await read(nameLength)).toString()
    const password = (await read((await read(1))[0])).toString()
    const good = `${user}:${password}` === settings.credentials
    client.write(Buffer.from([1, good ? 0 : 1]))
    if (!good) return undefined
  }
  const kind = (await read(4))[3]
  let host: string
  if (kind === 1) host = [...(await read(4))].join('.')
  else if (kind === 3) host = (await read((await read(1))[0])).toString()
  else host = ((await read(16)).toString('hex').match(/.{4}/g) ?? []).join(':')
  return { version: 5, host, port: (await read(2)).readUInt16BE(), user }
}

async function readSocks4(read: Read): Promise<SocksAsked> {
  const head = await read(7)
  const port = head.readUInt16BE(1)
  const address = head.subarray(3)
  const user = await readText(read)
  // An address 0.0.0.x says that a name follows (SOCKS 4a).
  const named = address[0] === 0 && address[1] === 0 && address[2] === 0
  return { version: 4, host: named ? await readText(read) : [...address].join('.'), port, user }
}

async function readText(read: Read): Promise<string> {
  let text = ''
  for (let [octet] = await read(1); octet !== 0; [octet] = await read(1)) text += String.fromCharCode(octet)
  return text
}

/** Exactly so many octets at a time. */
function reader(socket: Socket): Read {
  return async (length) => {
    for (;;) {
      const chunk: unknown = length === 0 ? Buffer.alloc(0) : socket.read(length)
      if (Buffer.isBuffer(chunk)) return chunk
      await new Promise<void>((resolve, reject) => {
        socket.once('readable', resolve)
        socket.once('close', () => reject(new Error('closed')))
      })
    }
  }
}
