/** Failures, aborts, time limits, and what is tried again. */
import type { Case } from './cases.ts'

const kinds = ['cut', 'reset', 'short', 'cut-body', 'cut-chunked', 'reset-body', 'reset-chunked', 'overlong']
const standard = ['fetch', 'installed', 'undici.fetch']

/** A time limit of undici's own has steps of a second: it is tried once. */
const unlimited = [...standard, 'undici.stream', 'undici.composed']

export const abortCases: readonly Case[] = [
  ...kinds.flatMap((kind) => [
    { name: `failure: ${kind}`, url: `/fail/${kind}` },
    { name: `failure: ${kind}, POST`, url: `/fail/${kind}`, method: 'POST', body: () => 'x' },
  ]),
  ...['cut-body', 'cut-chunked', 'reset-body', 'short'].map((kind) => ({
    name: `failure in a stream: ${kind}`,
    url: `/fail/${kind}`,
    only: ['axios'],
    options: { axios: { responseType: 'stream' } },
  })),
  { name: 'HEAD with a long content-length', url: '/body/1000?length', method: 'HEAD' },
  { name: 'nobody listens', url: 'http://localhost:1/' },
  { name: 'nobody listens, TLS', url: 'https://localhost:1/', except: standard },
  { name: 'nobody listens, 127.0.0.1', url: 'http://127.0.0.1:9/', except: standard },
  { name: 'no such host', url: 'https://nowhere.invalid/' },
  { name: 'no such scheme', url: 'foo://localhost/' },
  { name: 'no URL', url: 'no url' },
  { name: 'an empty URL', url: '' },
  { name: 'no host', url: 'https://' },
  { name: 'a port beyond all', url: 'https://localhost:99999/' },
  { name: 'abort before the call', url: '/echo', abort: 'before' },
  { name: 'abort before the call, POST', url: '/echo', method: 'POST', body: () => 'x', abort: 'before' },
  { name: 'abort while waiting', url: '/fail/silent', abort: 'waiting' },
  { name: 'abort while waiting, POST', url: '/fail/silent', method: 'POST', body: () => 'x', abort: 'waiting' },
  { name: 'abort after the head', url: '/fail/stalled', abort: 'headers' },
  {
    name: 'abort after the head, axios stream',
    url: '/fail/stalled',
    abort: 'headers',
    only: ['axios'],
    options: { axios: { responseType: 'stream' } },
  },
  {
    name: 'no answer in time',
    url: '/fail/silent',
    options: { axios: { timeout: 200 }, got: { timeout: { request: 200 } }, undici: { headersTimeout: 200 } },
    except: unlimited,
  },
  {
    name: 'no answer in time, got response',
    url: '/fail/silent',
    options: { got: { timeout: { response: 200 } } },
    only: ['got'],
  },
  {
    name: 'no answer in time, got socket',
    url: '/fail/silent',
    options: { got: { timeout: { socket: 200 } } },
    only: ['got'],
  },
  {
    name: 'no answer in time, got read',
    url: '/fail/stalled',
    options: { got: { timeout: { read: 200 } } },
    only: ['got'],
  },
  {
    name: 'no answer in time, clarified',
    url: '/fail/silent',
    options: { axios: { timeout: 200, transitional: { clarifyTimeoutError: true } } },
    only: ['axios'],
  },
  {
    name: 'no answer in time, no redirects',
    url: '/fail/silent',
    options: { axios: { timeout: 200, maxRedirects: 0 } },
    only: ['axios'],
  },
  { name: 'a timeout that is no number', url: '/echo', options: { axios: { timeout: 'x' } }, only: ['axios'] },
  {
    name: 'no body in time',
    url: '/fail/stalled',
    options: { axios: { timeout: 200 }, got: { timeout: { request: 80 } }, undici: { bodyTimeout: 200 } },
    except: unlimited,
  },
  ...[408, 413, 429, 500, 503].flatMap((status) => [
    {
      name: `got tries again after ${status}`,
      url: `/again/${status}/2`,
      only: ['got'],
      options: { got: { retry: { limit: 2 } } },
    },
    {
      name: `got tries again after ${status} with retry-after`,
      url: `/again/${status}/1?after`,
      only: ['got'],
      options: { got: { retry: { limit: 1 } } },
    },
  ]),
  { name: 'got gives up', url: '/again/503/5', only: ['got'], options: { got: { retry: { limit: 2 } } } },
  {
    name: 'got does not repeat POST',
    url: '/again/503/1',
    method: 'POST',
    body: () => 'x',
    only: ['got'],
    options: { got: { retry: { limit: 2 } } },
  },
  {
    name: 'got repeats PUT',
    url: '/again/503/1',
    method: 'PUT',
    body: () => 'x',
    only: ['got'],
    options: { got: { retry: { limit: 2 } } },
  },
  {
    name: 'got repeats after a reset',
    url: '/again/reset/1',
    only: ['got'],
    options: { got: { retry: { limit: 2 } } },
  },
  { name: 'undici retries 503', url: '/again/503/2', only: ['undici.composed'] },
  { name: 'undici retries 503, in vain', url: '/again/503/5', only: ['undici.composed'] },
  { name: 'undici retries a reset', url: '/again/reset/1', only: ['undici.composed'] },
]
