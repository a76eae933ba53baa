/** Where not all of it can work. */

/** What does not, in this runtime; undefined in Node. */
export function limitsOfRuntime(
  versions: Readonly<Record<string, string | undefined>> = process.versions,
): string | undefined {
  if (versions['bun'] !== undefined) {
    return 'hyper-transport/register: Bun has its own fetch and node:http, which ask no dispatcher and no agent. Only the global fetch goes over the pool'
  }
  if (versions['deno'] !== undefined) {
    return 'hyper-transport/register: Deno has its own node:http, which asks no agent. Only the global fetch goes over the pool'
  }
  return undefined
}
