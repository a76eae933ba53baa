/** What wrappers do with requests. */
import type { ExchangeRequest } from '../exchange/contract.ts'
import { bytesOf, isBlob } from '../exchange/source.ts'
import type { FieldList } from '../headers/fields.ts'

/** Can the body be sent in another exchange too? What is read once cannot. */
export function isRepeatable(body: ExchangeRequest['body']): boolean {
  if (body === null || body === undefined || typeof body === 'string' || typeof body === 'function') return true
  return bytesOf(body) !== null || isBlob(body)
}

/** The fields but for some. */
export function without(fields: FieldList, names: ReadonlySet<string>): FieldList {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (!names.has(fields[i].toLowerCase())) kept.push(fields[i], fields[i + 1])
  }
  return kept
}

export function urlOf({ origin, path }: ExchangeRequest): string {
  return `${origin}${path === '*' ? '/' : path}`
}
