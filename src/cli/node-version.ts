/** Which Node the command needs: said in words where it is too old. */

const NEEDED = [22, 19] as const

/** @returns what to say; undefined when it is new enough. */
export function tooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return undefined
  return `this command needs Node ${NEEDED.join('.')} or later, and this is Node ${version}`
}
