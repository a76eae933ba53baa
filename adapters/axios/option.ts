/** Reads axios configs as axios's own adapter does: properties of Object.prototype are no options. */

/** A property that axios's types do not all list. Inherited ones count unless they are Object.prototype's. */
export function option(config: object, name: string): unknown {
  // Most are not there.
  if (!(name in config)) return undefined
  for (let at: object | null = config; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) return Reflect.get(at, name)
  }
  return undefined
}

/** A limit: axios compares whatever it was given, so text that is a number counts, and what is none limits nothing. */
export function limitOf(config: object, name: string, otherwise: number): number {
  const value = option(config, name)
  if (value === undefined || value === null) return otherwise
  const limit = Number(value)
  return Number.isNaN(limit) ? otherwise : limit
}
