/** Reads options and words by the table of options: commander does it, this tells it what there is. */
import { Command, CommanderError, Option } from 'commander'
import { UsageError } from './failures.ts'
import type { Row } from './option-row.ts'
import { OPTION_NAMES, OPTIONS, type OptionName, type Options } from './options.ts'

/** What was given, and what is no option. */
export interface Given {
  readonly options: Options
  /** Taken back by --no-X, here or in the configuration. */
  readonly unset: ReadonlySet<OptionName>
  readonly words: readonly string[]
}

/** What curl has for it, and what is typed here. */
const HABITS: Readonly<Record<string, string>> = {
  '-X': 'the method stands before the URL: hyper PUT URL',
  '-L': 'redirects are followed by -F',
  '-k': 'nothing is verified with --verify=no',
  '-i': 'head and body are shown by -p hb',
  '-u': 'credentials are given by -a',
  '-O': 'a download is -d',
  '-T': 'a file is sent by hyper PUT URL @FILE',
  '-G': 'name==value goes to the query',
}

/**
 * Reads what stands behind the command's name. `--no-X` takes back `--X`, as HTTPie has it.
 * @throws {UsageError} naming the option that is unknown, or its value that cannot be.
 */
export function parseOptions(argv: readonly string[]): Given {
  const command = new Command('hyper')
    .argument('[words...]')
    .configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} })
    .exitOverride()
    .helpOption(false)
  const names = new Map<string, OptionName>()
  for (const name of OPTION_NAMES) {
    for (const option of optionsFor(name, OPTIONS[name])) {
      names.set(option.attributeName(), name)
      command.addOption(option)
    }
  }
  try {
    command.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ')
    const habit = HABITS[/unknown option '(-\w)/.exec(message)?.[1] ?? '']
    throw new UsageError(habit === undefined ? message : `${message}: ${habit}`)
  }
  const found: Partial<Record<OptionName, unknown>> = {}
  const unset = new Set<OptionName>()
  for (const [attribute, value] of Object.entries(command.opts())) {
    const name = names.get(attribute)
    // `false` is what --no-X leaves.
    if (name !== undefined && value === false) unset.add(name)
    else if (name !== undefined) found[name] = value
  }
  // Each value was made by the reader of its own row.
  return { options: found as Options, unset, words: command.args }
}

function optionsFor(name: string, row: Row): Option[] {
  const value = row.value === undefined ? '' : ` <${row.value}>`
  const main = new Option(`${row.short === undefined ? '' : `-${row.short}, `}--${name}${value}`)
  const all = [main, new Option(`--no-${name}`)]
  if (row.alias !== undefined) all.push(new Option(`${row.alias.length === 1 ? '-' : '--'}${row.alias}${value}`))
  for (const option of all) {
    // Of hidden ones none is proposed in the place of one that is unknown.
    option.hidden = option !== main
    if (option.negate) continue
    if (row.choices !== undefined) option.choices(row.choices)
    else addReader(option, name, row)
  }
  return all
}

function addReader(option: Option, name: string, { kind }: Row): void {
  if (kind === 'count') option.argParser((_, before) => (typeof before === 'number' ? before : 0) + 1)
  if (kind === 'list') option.argParser((value, before: unknown) => [...(Array.isArray(before) ? before : []), value])
  if (kind === 'whole') option.argParser((value) => wholeNumber(name, value))
  if (kind === 'seconds') option.argParser((value) => milliseconds(name, value))
  if (kind === 'octets') option.argParser((value) => octetsOf(name, value))
}

function wholeNumber(name: string, value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new UsageError(`--${name} takes a whole number, not ${JSON.stringify(value)}`)
  return Number(value)
}

function milliseconds(name: string, value: string): number {
  if (!/^(?:\d{1,7}|\d{0,7}\.\d+)$/.test(value)) {
    throw new UsageError(`--${name} takes a number of seconds, not ${JSON.stringify(value)}`)
  }
  // 0 is no limit: what is above it must not become 0.
  return Math.ceil(Number(value) * 1000)
}

function octetsOf(name: string, value: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([kmg]?)$/i.exec(value) ?? []
  const octets = Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase())
  if (digits === '' || octets === 0) {
    throw new UsageError(`--${name} takes a number of octets, such as 500 or 200k, not ${JSON.stringify(value)}`)
  }
  return octets
}
