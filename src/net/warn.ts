/** Warnings about weak options, each said once in the life of the process. */
const said = new Set<string>()

export function warnOnce(message: string): void {
  if (said.has(message)) return
  said.add(message)
  process.emitWarning(message, { type: 'HyperSecurityWarning', code: 'HYPER_WEAK_OPTION' })
}
