/**
 * A crawler: it follows links over many hosts, so many requests at once and no more, and needs one connection a host.
 * `node examples/crawl.ts`
 */
import assert from 'node:assert/strict'
import { createFetch } from 'hyper-transport/fetch'
import { type Server, startServer } from './support/server.ts'

const AT_ONCE = 16
const PAGES = 25
const names = ['red', 'green', 'blue', 'white', 'black'].map((color) => `${color}.example`)

// Five sites. Page N links to the next page, to its double, and to the same page of the next site.
const sites: Server[] = []
await using cleanup = new AsyncDisposableStack()
for (const [index, name] of names.entries()) {
  const site = await startServer(
    (request, response) => {
      const page = Number(request.url.slice(1))
      const neighbour = sites[(index + 1) % sites.length].origin
      const links = [`/${(page + 1) % PAGES}`, `/${(page * 2) % PAGES}`, `${neighbour}/${page}`]
      response.end(links.map((link) => `<a href="${link}">more</a>`).join('\n'))
    },
    { name },
  )
  sites.push(cleanup.use(site))
}

const fetch = createFetch({
  tls: { ca: sites.map(({ ca }) => ca) },
  // The sites' names exist only here.
  lookup: (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
})

const found = new Set([`${sites[0].origin}/0`])
const waiting = [...found]
const running = new Set<Promise<void>>()
let busiest = 0

while (waiting.length > 0 || running.size > 0) {
  const url = running.size < AT_ONCE ? waiting.shift() : undefined
  if (url === undefined) {
    await Promise.race(running)
    continue
  }
  const visit: Promise<void> = read(url).finally(() => running.delete(visit))
  running.add(visit)
  busiest = Math.max(busiest, running.size)
}
await fetch.close()

async function read(url: string): Promise<void> {
  const response = await fetch(url)
  for (const [, link] of (await response.text()).matchAll(/href="([^"]*)"/g)) {
    const target = new URL(link, url).href
    if (found.has(target)) continue
    found.add(target)
    waiting.push(target)
  }
}

console.log(`${found.size} pages of ${sites.length} hosts, never more than ${busiest} at once`)
for (const site of sites) console.log(`  ${site.origin}: ${site.connections} connection`)

assert.equal(found.size, PAGES * names.length)
assert.ok(busiest <= AT_ONCE)
for (const site of sites) assert.equal(site.connections, 1)
