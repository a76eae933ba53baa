/** The licences of the libraries that the command is bundled with. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.ts'

/** @param files paths below the package's root. @throws when a library has none: it may not be given away. */
export function licencesOf(files: readonly string[]): string {
  const folders = new Set<string>()
  for (const file of files) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]
    if (folder !== undefined) folders.add(folder)
  }
  const parts = [...folders].sort().map((folder) => {
    const place = join(root, folder)
    const manifest: { name: string; version: string; license?: string } = JSON.parse(
      readFileSync(join(place, 'package.json'), 'utf8'),
    )
    const file = readdirSync(place).find((name) => /^licen[cs]e(?:\.(?:md|txt))?$/i.test(name))
    if (file === undefined && manifest.license === undefined) throw new Error(`${folder} has no licence`)
    const text = file === undefined ? '' : `\n\n${readFileSync(join(place, file), 'utf8').trim()}`
    return `${manifest.name} ${manifest.version} (${manifest.license ?? 'see below'})${text}\n`
  })
  return `command.cjs contains these libraries.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`
}
