/** The site, as `npm run site` has made it: `npm run test:site`. What needs a browser is tried in Chromium, where that is installed. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { deadLinks } from '../../.ci/site-links.ts'
import { PARTS } from '../../.ci/site-pages.ts'
import { Browser, findBrowser } from './browser.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'site')
const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))

test('every page of docs has one place in the navigation, and a page of the site', () => {
  const placed = PARTS.flatMap(([, stems]) => stems.map((stem) => `${stem}.md`))
  assert.deepEqual(placed.toSorted(), pages.toSorted())
  const made = readdirSync(join(folder, 'docs')).map((name) => name.replace(/html$/, 'md'))
  assert.deepEqual(made.toSorted(), pages.toSorted())
})

test('the site has no link that leads nowhere', () => {
  assert.deepEqual(deadLinks(folder), [])
})

test('README links to the pages of the site, not to those of the repository', () => {
  const landing = readFileSync(join(folder, 'index.html'), 'utf8')
  assert.match(landing, /href="docs\/axios\.html"/)
  assert.doesNotMatch(landing, /href="https:\/\/github\.com[^"]*\/docs\/axios/)
})

test('a link to a file or an anchor that is not there is found', () => {
  const made = mkdtempSync(join(tmpdir(), 'links-'))
  try {
    const links = ['b.html', 'b.html#there', 'b.html#gone', 'c.html', '#here', '#nowhere', 'https://example.com/']
    writeFileSync(join(made, 'a.html'), `<p id="here">${links.map((link) => `<a href="${link}">`).join('')}`)
    writeFileSync(join(made, 'b.html'), '<p id="there">')
    assert.deepEqual(deadLinks(made), ['a.html: b.html#gone', 'a.html: c.html', 'a.html: #nowhere'])
  } finally {
    rmSync(made, { recursive: true })
  }
})

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
}

const program = findBrowser()

describe('in a browser', { skip: program === undefined && 'Chromium is not installed' }, () => {
  let browser: Browser
  let origin = ''
  const server = createServer(({ url = '/' }, response): void => {
    const path = decodeURIComponent(url.replace(/\?.*/, '')).replace(/\/$/, '/index.html')
    try {
      const content = readFileSync(join(folder, join('/', path)))
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(content)
    } catch {
      // Browsers ask for it by themselves.
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end()
    }
  })

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await Browser.start(program ?? '')
  })

  after(async () => {
    await browser?.[Symbol.asyncDispose]()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const NAVIGATION = '#tsd-nav-container > li > details'

  test('the navigation has the parts in their order, and the pages of each', async () => {
    await browser.open(`${origin}/`)
    const parts = await browser.until(
      `[...document.querySelectorAll('${NAVIGATION}')].map((part) => [
        part.querySelector('summary').textContent.trim(),
        [...part.querySelectorAll('a')].map(({ pathname }) => pathname.replace(/^\\/docs\\/|\\.html$/g, '')),
      ])`,
    )
    assert.ok(Array.isArray(parts))
    assert.deepEqual(parts.slice(0, -1), PARTS)
    assert.equal(parts.at(-1)[0], 'API reference')
    assert.deepEqual(browser.complaints, [])
  })

  test('a page has its title once, its code in colours, and itself open in the navigation', async () => {
    await browser.open(`${origin}/docs/axios.html`)
    await browser.until(`[...document.querySelectorAll('${NAVIGATION}[open] a.current')].length`)
    assert.deepEqual(await browser.evaluate(`[...document.querySelectorAll('h1')].map((one) => one.textContent)`), [
      'axios',
    ])
    assert.match(String(await browser.evaluate('document.title')), /^axios/)
    const colours = await browser.evaluate(
      `new Set([...document.querySelectorAll('pre code span')].map((one) => getComputedStyle(one).color)).size`,
    )
    assert.ok(Number(colours) > 2, `${colours} colours`)
    assert.deepEqual(browser.complaints, [])
  })

  test('no page is wider than the window', async () => {
    for (const page of ['index', 'docs/cookbook', 'docs/compatibility', 'docs/command-parity', 'docs/benchmarks']) {
      await browser.open(`${origin}/${page}.html`)
      const wide = await browser.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
      assert.equal(wide, 0, page)
    }
    assert.deepEqual(browser.complaints, [])
  })

  test('the search finds pages that speak of trailers, and leads there', async () => {
    await browser.open(`${origin}/`)
    await browser.until(`document.querySelector('#tsd-search-trigger:not([hidden])') !== null`)
    await browser.evaluate(`document.querySelector('#tsd-search-trigger').click()`)
    await browser.until(`document.activeElement?.id === 'tsd-search-input'`)
    await browser.type('trailers')
    const found = await browser.until(
      `[...document.querySelectorAll('#tsd-search-results a')].map(({ pathname }) => pathname).filter((path) => path.startsWith('/docs/'))`,
    )
    assert.ok(Array.isArray(found) && found.length > 1, String(found))
    await browser.open(`${origin}${found[0]}`)
    assert.match(String(await browser.evaluate('document.body.textContent')), /trailers/i)
    assert.deepEqual(browser.complaints, [])
  })

  test('a file that does not come, and an error of a script, are complained of', async () => {
    await browser.open(`${origin}/docs/axios.html`)
    await browser.evaluate(`fetch('/gone').then(() => { setTimeout(() => { throw new Error('of a script') }) })`)
    await browser.until('new Promise((resolve) => setTimeout(resolve, 100, true))')
    const said = browser.complaints.splice(0).join()
    assert.match(said, /404/)
    assert.match(said, /of a script/)
  })
})
