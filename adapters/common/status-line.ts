/** What messages of node:http tell of the status line: the version that it says, and its reason phrase. */
import type { ConnectionInfo } from '../../src/net/options.ts'
import { statusText } from './headers.ts'

export type HttpVersion = '1.0' | '1.1' | '2.0'

/** @param said by the status line, where the response came over HTTP/1.1. */
export function httpVersion(connection: ConnectionInfo | undefined, said?: '1.0' | '1.1'): HttpVersion {
  return said ?? (connection?.protocol === 'http/1.1' ? '1.1' : '2.0')
}

/** HTTP/2 has no reason phrase, so it is the registered one; over HTTP/1.1 it is as it came, though it be empty. */
export function statusMessage(status: number, reason: string, version: HttpVersion): string {
  if (reason !== '' || version !== '2.0') return reason
  return status === 200 ? 'OK' : statusText(status)
}
