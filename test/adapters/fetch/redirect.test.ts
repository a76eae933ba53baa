import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { createFetch } from '../../../adapters/fetch.ts'
import { jsonBody } from '../../support/routes.ts'
import { both, caught, protocols } from './both.ts'

for (const status of [301, 302, 303, 307, 308]) {
  both(`${status} is followed as the standard says`, async ({ fetch, url, origin }) => {
    const path = `/redirect?status=${status}&to=/echo`
    const got = await fetch(url(path))
    assert.equal(got.redirected, true)
    assert.equal(got.url, url('/echo'))
    await got.text()
    const posted = await fetch(url(path), { method: 'POST', body: 'again', headers: { 'x-keep': '1' } })
    const same = status === 307 || status === 308
    assert.equal(posted.headers.get('x-method'), same ? 'POST' : 'GET')
    assert.equal(await posted.text(), same ? 'again' : '')
    assert.equal(posted.headers.get('x-content-type'), same ? 'text/plain;charset=UTF-8' : null)
    assert.equal(posted.headers.get('x-x-keep'), '1')
    const put = await fetch(url(path), { method: 'PUT', body: 'again' })
    assert.equal(put.headers.get('x-method'), status === 303 ? 'GET' : 'PUT')
    await put.text()
    assert.equal(origin.requests.length, 6)
  })
}

both('a Request with a body is sent again to where a 307 leads', async ({ fetch, url }) => {
  const request = new Request(url('/redirect?status=307&to=/echo'), { method: 'POST', body: 'kept' })
  assert.equal(await (await fetch(request)).text(), 'kept')
})

both('a streamed body cannot follow a 307', async ({ fetch, url }) => {
  const body = new Blob(['x']).stream()
  const init = { method: 'POST', body, duplex: 'half' as const }
  const error = await caught(fetch(url('/redirect?status=307&to=/echo'), init))
  assert.equal(error.message, 'fetch failed')
})

both('redirect: manual gives the redirect itself, redirect: error fails', async ({ fetch, url }) => {
  const manual = await fetch(url('/redirect'), { redirect: 'manual' })
  assert.equal(manual.status, 302)
  assert.equal(manual.headers.get('location'), '/json')
  await manual.text()
  const error = await caught(fetch(url('/redirect'), { redirect: 'error' }))
  assert.equal(error.message, 'fetch failed')
  assert.equal(error.cause.message, 'unexpected redirect')
})

both('a redirect without location is the response', async ({ fetch, url }) => {
  const response = await fetch(url('/status/302'))
  assert.equal(response.status, 302)
  assert.equal(await response.text(), 'status 302')
})

both(
  'no more than twenty redirects are followed',
  async ({ fetch, url, origin }) => {
    const error = await caught(fetch(url('/redirect?to=/redirect%3Fto=/loop')).then(() => fetch(url('/loop'))))
    assert.equal(error.message, 'fetch failed')
    assert.equal(error.cause.message, 'redirect count exceeded')
    assert.ok(origin.requests.length >= 21)
  },
  {
    '/loop'(_call, answer) {
      answer.head(302, { location: '/loop' })
      answer.end()
    },
  },
)

both('a redirect keeps the fragment and resolves against the current URL', async ({ fetch, url }) => {
  const response = await fetch(url('/redirect?to=status/200%3Fq#frag'))
  assert.equal(response.url, url('/status/200?q'))
  await response.text()
})

for (const [protocol, start] of protocols) {
  test(`credentials do not follow to another origin (${protocol})`, async () => {
    await using there = await start()
    await using here = await start({
      '/away'(_call, answer) {
        answer.head(302, { location: `${there.origin}/echo` })
        answer.end()
      },
    })
    await using fetch = createFetch({ tls: { ca: here.ca } })
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'proxy-authorization': 'y', 'x-plain': 'stays' }
    const away = await fetch(`${here.origin}/away`, { headers })
    assert.deepEqual(
      ['authorization', 'cookie', 'proxy-authorization', 'x-plain'].map((name) => away.headers.get(`x-${name}`)),
      [null, null, null, 'stays'],
    )
    await away.text()
    const home = await fetch(`${here.origin}/redirect?to=/echo`, { headers })
    assert.equal(home.headers.get('x-authorization'), 'Bearer x')
    await home.text()
  })
}

/** Called when the exchange of `/endless` is over. */
let ended = (): void => {}

both(
  "a redirect's body that never ends is given up when the response has come",
  async ({ fetch, url, origin }) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    ended = resolve
    const abort = new AbortController()
    const response = await fetch(url('/endless'), { signal: abort.signal })
    assert.deepEqual(await response.json(), jsonBody)
    await promise
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0)
    assert.equal(origin.requests.length, 2)
  },
  {
    '/endless'(_call, answer) {
      answer.head(302, { location: '/json' })
      answer.write('moved')
      answer.stream.once('close', () => ended())
    },
  },
)
