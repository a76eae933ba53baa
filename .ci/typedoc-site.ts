/**
 * A plug-in of TypeDoc: the API reference with the pages of docs/ before it is the site (`npm run site`).
 *
 * - Each page stands in the part of the navigation that site-pages.ts gives it, by its own heading; its address is its file's name.
 * - Links to what is in the repository, but not on the site, lead to the repository; README's links to pages, which lead there for
 *   whoever reads it elsewhere, lead to the page.
 * - A page that has no place, a place that has no page, and a link that leads nowhere are errors.
 */
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import {
  type Application,
  Converter,
  type DocumentReflection,
  IndexEvent,
  KindRouter,
  PageEvent,
  type Reflection,
  ReflectionKind,
  RendererEvent,
} from 'typedoc'
import { deadLinks } from './site-links.ts'
import { PARTS } from './site-pages.ts'

const REPOSITORY = 'https://github.com/hyper-transport/hyper-transport/blob/main/'
const PAGE_IN_REPOSITORY = new RegExp(`${REPOSITORY}docs/([\\w-]+)\\.md`, 'g')
const MODULES = ReflectionKind.pluralString(ReflectionKind.Module)
const REFERENCE = 'API reference'
/** In the search pages and exports go before members, of which many have the same name, and the text of pages counts. */
const BOOST = 10
const TEXT = 24
const root = join(import.meta.dirname, '..')

/** Where a page stands: its part, and the pages in the order in which they are listed. */
const parts = new Map(PARTS.flatMap(([title, pages]) => pages.map((page) => [page, title] as const)))
const order = [...parts.keys()]

/** The names of the pages' files, without the ending. */
const stems = new Map<Reflection, string>()

class SiteRouter extends KindRouter {
  protected override getIdealBaseName(reflection: Reflection): string {
    const stem = stems.get(reflection)
    return stem === undefined ? super.getIdealBaseName(reflection) : `docs/${stem}`
  }
}

export function load(app: Application): void {
  app.renderer.defineRouter('site', SiteRouter)
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, page) => place(page))
  // After the groups are made, which are sorted by name.
  app.converter.on(
    Converter.EVENT_RESOLVE_END,
    ({ project }) => {
      const made = new Set(stems.values())
      for (const stem of order) if (!made.has(stem)) app.logger.error(`docs/${stem}.md, in site-pages.ts, is not there`)
      const rank = (page: Reflection): number => order.indexOf(stems.get(page) ?? '')
      for (const group of project.groups ?? []) {
        if (group.title === MODULES) group.title = REFERENCE
        else group.children.sort((a, b) => rank(a) - rank(b))
      }
      for (const { children = [] } of project.children ?? []) for (const one of children) one.relevanceBoost = BOOST
      const titles = [...PARTS.map(([title]) => title), REFERENCE]
      project.groups?.sort((a, b) => titles.indexOf(a.title) - titles.indexOf(b.title))
      // The page has a title already.
      const [first] = project.readme ?? []
      if (first !== undefined) first.text = first.text.replace(/^# .*\n+/, '')
    },
    -1000,
  )
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = page.contents?.replaceAll(PAGE_IN_REPOSITORY, (_link, stem: string) =>
      posix.relative(posix.dirname(page.url), `docs/${stem}.html`),
    )
  })
  app.renderer.on(IndexEvent.PREPARE_INDEX, (index) => {
    index.searchFieldWeights['document'] = TEXT
  })
  app.renderer.on(
    RendererEvent.END,
    ({ outputDirectory }) => {
      for (const link of deadLinks(outputDirectory)) app.logger.error(`A link leads nowhere: ${link}`)
    },
    -1000,
  )
}

function place(page: DocumentReflection): void {
  const stem = page.name
  const part = parts.get(stem)
  if (part === undefined) throw new Error(`docs/${stem}.md has no place in .ci/site-pages.ts`)
  stems.set(page, stem)
  page.frontmatter['group'] = part
  page.relevanceBoost = BOOST
  const heading = /^# (.*)/.exec(page.content.map(({ text }) => text).join(''))?.[1]
  if (heading === undefined) throw new Error(`docs/${stem}.md does not begin with a heading`)
  page.name = heading.replaceAll('`', '')
  page.content = page.content.map((piece) => {
    if (piece.kind !== 'relative-link') return piece
    const path = posix.join('docs', piece.text.replace(/#.*/, ''))
    // Pages and pictures come along.
    const isPage = /^docs\/(?:[\w-]+\.md|pictures\/[\w-]+\.svg)$/.test(path)
    return isPage || !existsSync(join(root, path)) ? piece : { kind: 'text', text: `${REPOSITORY}${path}` }
  })
}
