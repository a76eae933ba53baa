/** The name of a file to be written, which a server proposes: a mere name, never a way to somewhere else. */
import { extensionFor } from './media-types.ts'

/** Octets of a name: what file systems take, less what a number and a colleague's suffix may need. */
const MAX_NAME = 200

/** Names that are devices on some systems. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

/**
 * @param disposition `content-disposition`, its octets as characters.
 * @param path of the URL that was asked for.
 */
export async function proposedName(
  disposition: string | undefined,
  path: string,
  type: string | undefined,
): Promise<string> {
  const named = disposition === undefined ? undefined : safeName(await nameIn(disposition))
  if (named !== undefined) return named
  const last = /([^/]*)\/*$/.exec(path.split(/[?#]/)[0])?.[1] ?? ''
  const fromPath = safeName(decode(last)) ?? 'index'
  return fromPath.includes('.') ? fromPath : `${fromPath}${await extensionFor(type)}`
}

async function nameIn(disposition: string): Promise<string> {
  const { parse } = await import('content-disposition')
  try {
    const name = parse(disposition).parameters['filename'] ?? ''
    // Many servers write UTF-8 where only ASCII may stand.
    const utf8 = Buffer.from(name, 'latin1').toString()
    return /^[\0-\xff]*$/.test(name) && !utf8.includes('\ufffd') ? utf8 : name
  } catch {
    return ''
  }
}

/** The last part of a path, without what would act in a terminal, hide the file, or be none; undefined when nothing is left. */
export function safeName(name: string): string | undefined {
  const last = name.split(/[/\\]/).at(-1) ?? ''
  const clean = last
    .normalize('NFC')
    .replace(/[\0-\x1f\x7f-\x9f<>:"|?*\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '_')
    .replace(/^[\s.]+|[\s.]+$/g, '')
  if (clean === '' || DEVICE.test(clean)) return undefined
  return shortened(clean)
}

/** `name-1.txt`, `name-2.txt` ... */
export function numbered(name: string, number: number): string {
  if (number === 0) return name
  const dot = name.lastIndexOf('.')
  return dot <= 0 ? `${name}-${number}` : `${name.slice(0, dot)}-${number}${name.slice(dot)}`
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME) return name
  const extension = /\.[\w-]{1,10}$/.exec(name)?.[0] ?? ''
  let stem = name.slice(0, name.length - extension.length)
  while (Buffer.byteLength(stem) + extension.length > MAX_NAME) stem = stem.slice(0, -1)
  return `${stem.toWellFormed()}${extension}`
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
