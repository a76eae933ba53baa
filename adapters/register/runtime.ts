/** Where not all of it can work. docs/runtimes.md has what was tried. */

/**
 * What does not, in this runtime; undefined where all does.
 * @param fetch which one the process has: ours, or its own, which asks Node's dispatcher in Node alone.
 */
export function limitsOfRuntime(
  fetch: 'hyper' | 'native',
  versions: Readonly<Record<string, string | undefined>> = process.versions,
): string | undefined {
  const [name] = versions['bun'] !== undefined ? ['Bun'] : versions['deno'] !== undefined ? ['Deno'] : []
  if (name === undefined) return undefined
  const limits: string[] = []
  if (fetch === 'native') limits.push(`the fetch of ${name} asks no dispatcher and does not go over the pool`)
  if (name === 'Bun') limits.push('Bun has a module of its own for undici, which does not go over the pool')
  return limits.length === 0 ? undefined : `hyper-transport/register: ${limits.join('; ')}`
}
