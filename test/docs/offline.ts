/**
 * Loaded before a program of the docs: every name is this machine, and the well-known ports are those of the origins that
 * the test has started. So a program that speaks to `https://example.com` speaks to one of them, and never to the world.
 */
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

const ports: Readonly<Record<string, number>> = JSON.parse(process.env['DOCS_PORTS'] ?? '{}')
const own = '127.0.0.1'

interface Target {
  port?: number | string
  host?: string
  path?: string
}

const connect = net.Socket.prototype.connect as (this: net.Socket, ...args: unknown[]) => net.Socket

/** node:net itself passes the arguments on as one list, `[options, listener]`. */
function parse(args: readonly unknown[]): { target: Target; listener: unknown } {
  const [first, ...more] = args
  if (Array.isArray(first)) return { target: first[0], listener: first[1] }
  const listener = more.find((one) => typeof one === 'function')
  if (typeof first === 'object' && first !== null) return { target: first, listener }
  return {
    target: typeof first === 'string' && Number.isNaN(Number(first)) ? { path: first } : { port: Number(first) },
    listener,
  }
}

net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]): net.Socket {
  const { target, listener } = parse(args)
  if (typeof target.path === 'string') return connect.apply(this, args)
  const port = ports[String(target.port)] ?? target.port
  return connect.call(this, { ...target, host: own, port, lookup: undefined, localAddress: undefined }, listener)
}

type Callback = (error: Error | null, address: string | dns.LookupAddress[], family?: number) => void

function lookup(_name: string, given: unknown, callback?: Callback): void {
  const options = typeof given === 'object' && given !== null ? (given as dns.LookupOptions) : {}
  const told = typeof given === 'function' ? (given as Callback) : callback
  process.nextTick(() => {
    if (options.all === true) told?.(null, [{ address: own, family: 4 }])
    else told?.(null, own, 4)
  })
}

Object.assign(dns, { lookup })
Object.assign(dns.promises, {
  lookup: async (_name: string, options: dns.LookupOptions = {}) =>
    options.all === true ? [{ address: own, family: 4 }] : { address: own, family: 4 },
})
syncBuiltinESMExports()
