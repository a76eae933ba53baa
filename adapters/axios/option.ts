/** Reads axios configs as axios's own adapter does: Object.prototype is nobody's option. */

/** A property that axios's types do not all list. Inherited ones count unless they are Object.prototype's. */
export function option(config: object, name: string): unknown {
  // Most are not there.
  if (!(name in config)) return undefined
  for (let at: object | null = config; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) return Reflect.get(at, name)
  }
  return undefined
}
