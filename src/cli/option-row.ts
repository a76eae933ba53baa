/** What a row of the table of options is: its kind says what stands behind the option, and what it becomes. */

/**
 * flag: nothing. count: nothing, and it may be repeated. text: a value. list: a value, and it may be repeated. whole: a whole
 * number. seconds: a number of them. octets: a number, `k`, `M` or `G` behind it.
 */
export type Kind = 'flag' | 'count' | 'text' | 'list' | 'whole' | 'seconds' | 'octets'

/** What an option of each kind gives. */
export interface ValueOf {
  readonly flag: true
  readonly count: number
  readonly text: string
  readonly list: readonly string[]
  readonly whole: number
  /** Milliseconds. */
  readonly seconds: number
  readonly octets: number
}

export interface Row<K extends Kind = Kind> {
  readonly kind: K
  /** What stands behind the option, in words. */
  readonly value: string | undefined
  /** One line. */
  readonly text: string
  /** What the long help and the manual page say beside that. */
  readonly more?: string
  /** One letter. */
  readonly short?: string
  /** It stands in the short help. */
  readonly brief?: boolean
  readonly choices?: readonly string[]
  /** The value names a file. */
  readonly file?: boolean
  /** Another name of the same. */
  readonly alias?: string
}

type Extra = Omit<Row, 'kind' | 'value' | 'text'>

export const flag = (text: string, extra: Extra = {}): Row<'flag'> => ({
  kind: 'flag',
  value: undefined,
  text,
  ...extra,
})

export const count = (text: string, extra: Extra = {}): Row<'count'> => ({
  kind: 'count',
  value: undefined,
  text,
  ...extra,
})

export const text = (value: string, text: string, extra: Extra = {}): Row<'text'> => ({
  kind: 'text',
  value,
  text,
  ...extra,
})

export const list = (value: string, text: string, extra: Extra = {}): Row<'list'> => ({
  kind: 'list',
  value,
  text,
  ...extra,
})

export const whole = (value: string, text: string, extra: Extra = {}): Row<'whole'> => ({
  kind: 'whole',
  value,
  text,
  ...extra,
})

export const seconds = (text: string, extra: Extra = {}): Row<'seconds'> => ({
  kind: 'seconds',
  value: 'seconds',
  text,
  ...extra,
})

export const octets = (text: string, extra: Extra = {}): Row<'octets'> => ({
  kind: 'octets',
  value: 'octets',
  text,
  ...extra,
})
