/**
 * The entry points of the package: one line each, in the order of `exports` in package.json.
 *
 * To add one: write a line here, and run `npm run build -- --manifest`, which writes `exports`, `typesVersions` and
 * `sideEffects` of package.json, `paths` of tsconfig.json and `entryPoints` of typedoc.json anew. A build without that
 * argument refuses to run when they differ.
 */

export interface Entry {
  /** What is imported: `hyper-transport` and this, `.` being the package itself. */
  readonly name: string
  readonly source: string
  /**
   * Its declarations are written twice, as what `import` and what `require` gets, because they speak of a library that
   * has types of its own for each. Default: those for `import` are those for `require`, so that a class is one type.
   */
  readonly twoTypes?: boolean
  /** Importing it does something, so that no bundler may leave it out. */
  readonly sideEffects?: boolean
}

export const ENTRIES: readonly Entry[] = [
  { name: '.', source: 'src/index.ts' },
  { name: './undici', source: 'adapters/undici.ts' },
  { name: './axios', source: 'adapters/axios.ts', twoTypes: true },
  { name: './got', source: 'adapters/got.ts', twoTypes: true },
  { name: './fetch', source: 'adapters/fetch.ts' },
  { name: './agent', source: 'adapters/agent.ts' },
  { name: './aws', source: 'adapters/aws.ts' },
  { name: './register', source: 'adapters/register.ts', sideEffects: true },
  { name: './opentelemetry', source: 'adapters/opentelemetry.ts' },
  { name: './testing', source: 'src/testing/index.ts' },
  { name: './compose', source: 'src/wrappers/index.ts' },
  { name: './content', source: 'src/content/index.ts' },
  { name: './frame', source: 'src/frame/index.ts' },
  { name: './hpack', source: 'src/hpack/index.ts' },
  { name: './h1', source: 'src/h1/index.ts' },
  { name: './h2', source: 'src/h2/index.ts' },
  { name: './priority', source: 'src/priority/index.ts' },
  { name: './websocket', source: 'src/websocket/index.ts' },
]

/** The file that an entry becomes, without its extension: `index`, `fetch`. */
export function stemOf({ name }: Entry): string {
  return name === '.' ? 'index' : name.slice(2)
}

/** What a user writes to import it. */
export function specifierOf({ name }: Entry): string {
  return name.replace(/^\./, 'hyper-transport')
}
