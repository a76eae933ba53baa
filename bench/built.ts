/**
 * The package as it is shipped. Sources that Node strips of their types while it runs leave a larger young generation behind,
 * which makes V8 collect buffers later and at a greater cost: what is measured must be what people run.
 */
const dist = new URL('../dist/', import.meta.url)

/** An entry point of the built package, by its path in the sources: the names of the benchmarks' types. */
export async function built<T>(path: string): Promise<T> {
  return import(new URL(`${path.replace(/^(?:src|adapters)\//, '').replace(/\/index$/, '')}.js`, dist).href)
}
