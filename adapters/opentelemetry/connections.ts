/** Connections as metrics: `http.client.open_connections` and `http.client.connection.duration`. */
import { performanceNow } from '../../src/clock.ts'
import type { ConnectionMessage } from '../../src/exchange/messages.ts'
import type { ConnectionInfo } from '../../src/net/options.ts'
import { type Api, type Attributes, DURATIONS, NAME } from './api.ts'

/** Told when an exchange begins or ends on a connection. */
export interface Uses {
  begin(connection: ConnectionInfo | undefined): void
  end(connection: ConnectionInfo | undefined): void
}

interface Open {
  readonly since: number
  readonly attributes: Attributes
  exchanges: number
}

export function connectionListeners({ metrics }: Api): {
  readonly listeners: Readonly<Record<string, (message: unknown) => void>>
  readonly uses: Uses
} {
  const meter = metrics.getMeter(NAME)
  const open = meter.createUpDownCounter('http.client.open_connections', {
    description: 'Connections that are open, active or idle',
    unit: '{connection}',
  })
  const duration = meter.createHistogram('http.client.connection.duration', {
    description: 'How long connections were open',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.01, 0.1, 1, 5, 10, 30, 60, 120, 300] },
  })
  const establish = meter.createHistogram('hyper.client.connection.establish_duration', {
    description: 'From the lookup to the end of the handshake',
    unit: 's',
    advice: { explicitBucketBoundaries: DURATIONS },
  })
  const known = new WeakMap<ConnectionInfo, Open>()
  const count = (of: Open, state: 'active' | 'idle', by: number): void =>
    open.add(by, { ...of.attributes, 'http.connection.state': state })

  return {
    listeners: {
      'hyper:connection:connected': (message) => {
        const { origin, connection } = message as ConnectionMessage
        if (connection === undefined) return
        const made: Open = { since: performanceNow(), attributes: attributesOf(origin, connection), exchanges: 0 }
        known.set(connection, made)
        count(made, 'idle', 1)
        const { start, secureConnect, connect } = connection.timings
        const end = secureConnect ?? connect
        if (end !== undefined) establish.record((end - start) / 1000, made.attributes)
      },
      'hyper:connection:closed': (message) => {
        const { connection } = message as ConnectionMessage
        const gone = connection && known.get(connection)
        if (connection === undefined || gone === undefined) return
        known.delete(connection)
        count(gone, gone.exchanges > 0 ? 'active' : 'idle', -1)
        duration.record((performanceNow() - gone.since) / 1000, gone.attributes)
      },
    },
    uses: {
      begin: (connection) => {
        const used = connection && known.get(connection)
        if (used === undefined || used.exchanges++ > 0) return
        count(used, 'idle', -1)
        count(used, 'active', 1)
      },
      end: (connection) => {
        const used = connection && known.get(connection)
        if (used === undefined || used.exchanges === 0 || --used.exchanges > 0) return
        count(used, 'active', -1)
        count(used, 'idle', 1)
      },
    },
  }
}

export function attributesOf(origin: string, connection?: ConnectionInfo): Attributes {
  const { hostname, port, protocol } = new URL(origin)
  return {
    'server.address': hostname.replace(/^\[|\]$/g, ''),
    'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    'url.scheme': protocol.slice(0, -1),
    ...(connection === undefined
      ? {}
      : {
          'network.protocol.name': 'http',
          'network.protocol.version': connection.protocol === 'h2' ? '2' : '1.1',
          ...(connection.remoteAddress === undefined ? {} : { 'network.peer.address': connection.remoteAddress }),
        }),
  }
}
