/** Media types: of files to send, by their names, of files to write, by their types, and of bodies to show. */
import { extname } from 'node:path'
import { TextDecoder } from 'node:util'

/** Names that the data base has otherwise, or not. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.ndjson': 'application/x-ndjson',
  '.jsonl': 'application/jsonl',
  '.xml': 'application/xml',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  // A language for some, a film for the data base.
  '.ts': 'text/plain',
}

/** What a type is called by most, where the data base begins with another. */
const BY_TYPE: Readonly<Record<string, string>> = { 'text/plain': '.txt', 'image/jpeg': '.jpg', 'audio/mpeg': '.mp3' }

/** The data base is loaded when it is asked. */
async function dataBase(): Promise<typeof import('mime-types')> {
  return (await import('mime-types')).default
}

/** The media type of a file, by the end of its name. */
export async function typeOfFile(path: string): Promise<string> {
  const extension = extname(path).toLowerCase()
  if (Object.hasOwn(BY_EXTENSION, extension)) return BY_EXTENSION[extension]
  const type = extension === '' ? false : (await dataBase()).lookup(extension)
  return type === false ? 'application/octet-stream' : type
}

/** The end of a file's name, by the media type; nothing where that says nothing. */
export async function extensionFor(type: string | undefined): Promise<string> {
  const essence = (type ?? '').split(';')[0].trim().toLowerCase()
  if (Object.hasOwn(BY_TYPE, essence)) return BY_TYPE[essence]
  if (essence === '' || essence === 'application/octet-stream') return ''
  const extension = (await dataBase()).extension(essence)
  return extension === false ? '' : `.${extension}`
}

/** `application/json` and `application/problem+json`, but not a list of JSON texts. */
export function isJson(type: string | undefined): boolean {
  return /^\s*(?:application|text)\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type ?? '')
}

/** A JSON text a line. */
export function isJsonLines(type: string | undefined): boolean {
  return /^\s*(?:application|text)\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-seq|json-lines)\s*(?:;|$)/i.test(type ?? '')
}

/** `application/xml`, `text/xml` and `image/svg+xml`. */
export function isXml(type: string | undefined): boolean {
  return /^\s*[\w.-]+\/(?:[\w.-]+\+)?xml\s*(?:;|$)/i.test(type ?? '')
}

/** Server-sent events. */
export function isEvents(type: string | undefined): boolean {
  return /^\s*text\/event-stream\s*(?:;|$)/i.test(type ?? '')
}

/** Text of whatever kind, and scripts: what servers say of JSON when they have thought of nothing better. */
export function isSomeText(type: string | undefined): boolean {
  return /^\s*(?:text\/|application\/(?:x-)?javascript\b)/i.test(type ?? '')
}

/** Decodes text of this type; UTF-8 where the type names no other character set that is known. */
export function textDecoderFor(type: string | undefined): TextDecoder {
  const charset = /;\s*charset="?([^\s;"]+)/i.exec(type ?? '')?.[1] ?? 'utf-8'
  try {
    return new TextDecoder(charset)
  } catch {
    return new TextDecoder()
  }
}

/** Is there such a character set? */
export function isCharset(name: string): boolean {
  try {
    return new TextDecoder(name).encoding !== ''
  } catch {
    return false
  }
}
