/** Warnings about weak options and what the environment says, each said once in the life of the process. */
/** What is said of `validateOutbound: false`. */
export const UNCHECKED =
  'What is sent is not checked (validateOutbound: false): a name or value from outside may add fields and requests'

const said = new Set<string>()

export function warnOnce(message: string): void {
  if (said.has(message)) return
  said.add(message)
  process.emitWarning(message, { type: 'HyperSecurityWarning', code: 'HYPER_WEAK_OPTION' })
}
