/**
 * A response as HTTP/1.1 text for node:http's parser.
 *
 * Fields that frame a message or govern a connection are HTTP/2's affair and not passed on; the body is framed by its
 * content-length, or else in chunks, behind which trailers fit. A response that announces trailers is framed in chunks.
 */
import type { FieldList } from '../../src/headers/fields.ts'

const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/** How the body of a response is framed. */
export type Framing = 'none' | 'length' | 'chunked'

export function framingOf(method: string, status: number, headers: FieldList): Framing {
  if (method === 'HEAD' || status === 204 || status === 304) return 'none'
  let framing: Framing = 'chunked'
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'trailer') return 'chunked'
    if (headers[i] === 'content-length') framing = 'length'
  }
  return framing
}

export function headText(status: number, statusText: string, headers: FieldList, framing?: Framing): string {
  let text = `HTTP/1.1 ${status} ${statusText}\r\n`
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]
    if (HOP.has(name) || (framing === 'chunked' && name === 'content-length')) continue
    text += `${name}: ${headers[i + 1]}\r\n`
  }
  if (framing === 'chunked') text += 'transfer-encoding: chunked\r\n'
  return `${text}\r\n`
}

/** What ends a body in chunks. */
export function endText(trailers: FieldList): string {
  let text = '0\r\n'
  for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`
  return `${text}\r\n`
}
