/** `--format-options`, `--sorted` and `--unsorted`: how what is shown is written anew. */
import { UsageError } from './failures.ts'
import type { Options } from './options.ts'

export interface FormatOptions {
  readonly sortHeaders: boolean
  readonly json: boolean
  readonly jsonIndent: number
  readonly sortKeys: boolean
  readonly xml: boolean
  readonly xmlIndent: number
}

/** What counts when nothing is said. Nothing is sorted: what the server says is shown in its order. */
export const FORMATS: FormatOptions = {
  sortHeaders: false,
  json: true,
  jsonIndent: 4,
  sortKeys: false,
  xml: true,
  xmlIndent: 2,
}

const NAMES: Readonly<Record<string, keyof FormatOptions>> = {
  'headers.sort': 'sortHeaders',
  'json.format': 'json',
  'json.indent': 'jsonIndent',
  'json.sort_keys': 'sortKeys',
  'xml.format': 'xml',
  'xml.indent': 'xmlIndent',
}

/** @throws {UsageError} naming what is none of them. */
export function readFormatOptions(options: Options): FormatOptions {
  const found: Partial<Record<keyof FormatOptions, boolean | number>> = {}
  const { sorted } = options
  if (sorted || options.unsorted) Object.assign(found, { sortHeaders: sorted === true, sortKeys: sorted === true })
  for (const one of (options['format-options'] ?? []).flatMap((text) => text.split(','))) {
    const [name = '', value = ''] = one.split(':')
    const key = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
    if (key === undefined) {
      throw new UsageError(`--format-options: ${JSON.stringify(one)} is not one of ${Object.keys(NAMES).join(', ')}`)
    }
    if (typeof FORMATS[key] === 'number') found[key] = indentOf(name, value)
    else found[key] = truth(name, value)
  }
  // Each is of the type that its name has in FORMATS.
  return Object.assign({ ...FORMATS }, found)
}

function indentOf(name: string, value: string): number {
  if (/^\d$/.test(value)) return Number(value)
  throw new UsageError(`--format-options: ${name} takes a number from 0 to 9, not ${JSON.stringify(value)}`)
}

function truth(name: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  throw new UsageError(`--format-options: ${name} takes true or false, not ${JSON.stringify(value)}`)
}
