/** The table of docs/options.md, made of what the sources say of each option; they are checked against Node's and undici's types. */
import { NOT_HERE } from '../../../adapters/aws.ts'
import { type Fate, NODE_FATES } from '../../../adapters/common/node-fates.ts'
import { AGENT_FATES } from '../../../adapters/undici/options.ts'
import { TLS_NAMES } from '../../../src/net/tls-units.ts'
import { POOL_OPTION_NAMES } from '../../../src/pool/options.ts'

const ways: readonly string[] = ['option', 'a plain agent, axios', 'https.request by our agent', 'undici `connect`']

const told: Readonly<Record<Fate, readonly string[]>> = {
  honoured: ['honoured', 'honoured', 'honoured'],
  request: ['of the request', 'of the request', 'no meaning'],
  tuning: ['no meaning', 'no meaning', 'no meaning'],
  other: ['handed on', 'handed on', 'refused'],
}

/** Where an option is not treated as others of its kind. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  // undici's own name for what the origin says.
  host: ['handed on', 'of the request', 'no meaning'],
  port: ['handed on', 'of the request', 'no meaning'],
  timeout: ['no meaning', 'of the request', 'honoured'],
  typeOfService: ['handed on', 'handed on', 'no meaning'],
}

export function optionsTable(): string {
  const rows = [...TLS_NAMES.map((name) => [name, ...told.honoured])]
  for (const [name, fate] of Object.entries(NODE_FATES)) {
    const cells = exceptions[name] ?? told[fate]
    rows.push([name, ...cells])
  }
  return [
    table(ways, rows.sort(byName)),
    '## Options of HyperDispatcher\n\nundici’s own; those of a pool which undici does not have are honoured as well.',
    table(
      ['option', 'HyperDispatcher'],
      Object.entries(AGENT_FATES)
        .map((row) => [...row])
        .sort(byName),
    ),
    '## Options of a pool\n\nOf `Pool`, and with it of `createFetch`, `createHyperAdapter`, `hyperGot`, `createHyperAgent` and\n`HyperRequestHandler`.',
    [...POOL_OPTION_NAMES]
      .sort()
      .map((name) => `\`${name}\``)
      .join(', '),
    '## Options of the AWS SDK’s handlers that are refused',
    table(
      ['option', 'instead'],
      Object.entries(NOT_HERE).map((row) => [...row]),
    ),
  ].join('\n\n')
}

function byName(a: readonly string[], b: readonly string[]): number {
  return String(a[0]).localeCompare(String(b[0]), 'en')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(head),
    line(head.map(() => '---')),
    ...rows.map(([name, ...cells]) => line([`\`${name}\``, ...cells])),
  ].join('\n')
}
