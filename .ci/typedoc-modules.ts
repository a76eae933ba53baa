/** A plug-in of TypeDoc: the modules of the API reference are called what users import, not after the files they are in. */
import { type Application, Converter, ReflectionKind } from 'typedoc'
import { ENTRIES, specifierOf } from '../build/entries.ts'

/** `src/h2` and `hyper-transport/h2`, and so on. */
const names = new Map(
  ENTRIES.map((entry) => [entry.source.replace(/(?:\/index)?\.ts$/, ''), specifierOf(entry)] as const),
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
