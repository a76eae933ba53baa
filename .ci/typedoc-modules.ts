/** A plug-in of TypeDoc: the modules of the API reference are called what users import, not after the files they are in. */
import { readFileSync } from 'node:fs'
import { type Application, Converter, ReflectionKind } from 'typedoc'

const { exports }: { exports: Record<string, string | { types: string }> } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
)
/** `src/h2` and `hyper-transport/h2`, and so on. */
const names = new Map(
  Object.entries(exports).flatMap(([entry, target]): [string, string][] => {
    if (typeof target === 'string') return []
    const file = target.types.replace(/^\.\/dist\/|(?:\/index)?\.d\.ts$/g, '')
    return [[file, entry.replace(/^\./, 'hyper-transport')]]
  }),
)

export function load({ converter }: Application): void {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      const name = names.get(module.name.replace(/\/index$/, ''))
      if (name === undefined) throw new Error(`${module.name} is no entry point of the package`)
      module.name = name
    }
  })
}
