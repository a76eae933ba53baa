/** Conversions between the forms in which callers give fields and the flat list (name, value, name, value ...). */
import { InvalidArgumentError } from '../errors.ts'

/** Field lines as a flat list: name, value, name, value ... */
export type FieldList = readonly string[]

/** The fields of a request as a caller may give them. Names in any case; `undefined` and `null` values are left out. */
export type FieldsInit =
  | FieldList
  | Readonly<Record<string, string | number | readonly string[] | undefined | null>>
  | Iterable<readonly [string, string]>

/** The empty list, shared. */
export const NO_FIELDS: FieldList = Object.freeze([])

/**
 * Any of the accepted shapes as a flat list, names as they were spelt. `undefined` and `null` values are left out,
 * an array of values becomes one field line each.
 * @throws {InvalidArgumentError} when the shape is none of the accepted ones.
 */
export function flattenFields(init: FieldsInit | null | undefined): FieldList {
  if (init === null || init === undefined) return NO_FIELDS
  if (Array.isArray(init)) {
    if (init.length === 0 || typeof init[0] === 'string') {
      if (init.length % 2 !== 0) throw new InvalidArgumentError('A flat header list has an even number of elements')
      return init
    }
    return flattenPairs(init)
  }
  if (typeof init !== 'object') throw new InvalidArgumentError(`Headers cannot be made from a ${typeof init}`)
  if (isIterable(init)) return flattenPairs(init)
  const flat: string[] = []
  // Own keys only: a polluted Object.prototype must not become a header.
  for (const name of Object.keys(init)) {
    const value: unknown = Reflect.get(init, name)
    if (value === undefined || value === null) continue
    if (Array.isArray(value)) {
      for (const one of value) flat.push(name, fieldText(name, one))
    } else {
      flat.push(name, fieldText(name, value))
    }
  }
  return flat
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value
}

function flattenPairs(pairs: Iterable<unknown>): FieldList {
  const flat: string[] = []
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new InvalidArgumentError('Each header of a list of pairs must be [name, value]')
    }
    flat.push(fieldText('header name', pair[0]), fieldText(String(pair[0]), pair[1]))
  }
  return flat
}

function fieldText(name: string, value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value)
    default:
      throw new InvalidArgumentError(`The value of header ${JSON.stringify(name)} is not text`)
  }
}

/** The first value of a field in a flat list whose names are in lower case. */
export function getField(fields: FieldList, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) return fields[i + 1]
  }
  return undefined
}
