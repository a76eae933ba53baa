/** An HTTP/2 origin with streams of CONNECT: WebSocket that echoes, and tunnels to a port of the loopback interface. */
import type http2 from 'node:http2'
import { connect } from 'node:net'
import { acceptConnect, readConnectRequest, WSConnection } from '../../../src/websocket/index.ts'
import { startH2Origin, type TestOrigin } from '../../support/origin.ts'

export interface EchoOrigin extends TestOrigin {
  /** The pseudo-header fields and fields of each CONNECT, as they came. */
  readonly connects: http2.IncomingHttpHeaders[]
}

/** @param extended does it offer extended CONNECT? */
export async function startEchoOrigin(extended = true): Promise<EchoOrigin> {
  const connects: http2.IncomingHttpHeaders[] = []
  const origin = await startH2Origin(
    (stream, headers) => {
      if (headers[':method'] !== 'CONNECT') {
        stream.respond({ ':status': 200 })
        stream.end('plain')
        return
      }
      connects.push(headers)
      if (headers[':protocol'] === 'websocket') echo(stream, headers)
      else tunnel(stream, String(headers[':authority']))
    },
    { server: { settings: { enableConnectProtocol: extended } } },
  )
  return Object.assign(origin, { connects })
}

function echo(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  if (headers[':path'] === '/forbidden') {
    stream.respond({ ':status': 403 })
    stream.end('not you')
    return
  }
  const fields = Object.entries(headers).flatMap(([name, value]) => (name.startsWith(':') ? [] : [name, String(value)]))
  const request = readConnectRequest({
    method: 'CONNECT',
    protocol: 'websocket',
    scheme: 'https',
    authority: headers[':authority'],
    path: headers[':path'],
    fields,
    contentLength: undefined,
  } as unknown as Parameters<typeof readConnectRequest>[0])
  if (request.type === 'error') throw request.error
  const { section, agreement } = acceptConnect(request, {
    deflate: true,
    ...(request.subprotocols[0] === undefined ? {} : { subprotocol: request.subprotocols[0] }),
  })
  const answer: Record<string, string> = {}
  for (let i = 0; i < section.length; i += 2) answer[section[i] ?? ''] = section[i + 1] ?? ''
  stream.respond(answer)
  const socket = new WSConnection({ role: 'server', agreement })
  stream.on('data', (octets: Buffer) => {
    socket.receive(octets)
    for (const event of socket.events()) {
      if (event.type === 'text') stream.write(socket.send({ type: 'text', data: event.data }))
      if (event.type === 'bytes') stream.write(socket.send({ type: 'bytes', data: event.data }))
    }
    if (socket.hasOutgoing) stream.write(socket.takeOutgoing())
    if (socket.state === 'closed') stream.end()
  })
  stream.on('end', () => stream.end())
}

function tunnel(stream: http2.ServerHttp2Stream, authority: string): void {
  const port = Number(authority.slice(authority.lastIndexOf(':') + 1))
  if (port === 1) {
    stream.respond({ ':status': 403, 'x-why': 'not there' })
    stream.end('no way')
    return
  }
  const target = connect(port, '127.0.0.1', () => {
    stream.respond({ ':status': 200 })
    stream.pipe(target).pipe(stream)
  })
  target.on('error', () => stream.close(2))
  stream.on('close', () => target.destroy())
}
