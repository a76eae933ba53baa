/** Links of a folder of pages that lead nowhere within it. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** @returns `page: link`, for each link without a scheme whose file, or whose anchor in it, is not there. */
export function deadLinks(folder: string): string[] {
  const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
  const anchors = new Map<string, ReadonlySet<string>>()
  const anchorsOf = (file: string): ReadonlySet<string> => {
    const known = anchors.get(file)
    if (known !== undefined) return known
    const found = new Set([...readFileSync(file, 'utf8').matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => id))
    anchors.set(file, found)
    return found
  }
  const dead: string[] = []
  for (const name of pages) {
    const page = join(folder, name)
    for (const [, link] of readFileSync(page, 'utf8').matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      if (/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(link) || link === '#' || link === '') continue
      const [path = '', anchor] = link.replaceAll('&amp;', '&').split('#')
      const target = path === '' ? page : join(dirname(page), decodeURIComponent(path.replace(/\?.*/, '')))
      const file = existsSync(target) && statSync(target).isDirectory() ? join(target, 'index.html') : target
      const found = existsSync(file) && (anchor === undefined || anchorsOf(file).has(decodeURIComponent(anchor)))
      if (!found) dead.push(`${name}: ${link}`)
    }
  }
  return dead
}
