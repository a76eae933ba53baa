/** Bodies that requests carry. Each is made anew for each call. */
import { Readable } from 'node:stream'
import NodeFormData from 'form-data'
import type { Case } from './cases.ts'

function form(): FormData {
  const made = new FormData()
  made.append('field', 'value')
  made.append('grüße', 'line\nbreak "quoted"')
  made.append('file', new Blob(['content'], { type: 'text/x' }), 'na"me.txt')
  made.append('bare', new Blob(['']))
  made.append('file', new File(['more'], 'two.bin'))
  return made
}

function packageForm(): NodeFormData {
  const made = new NodeFormData()
  made.append('field', 'value')
  made.append('file', Buffer.from('content'), { filename: 'name.txt', contentType: 'text/x' })
  return made
}

async function* generated(): AsyncGenerator<Buffer> {
  yield Buffer.from('one, ')
  yield Buffer.from('two')
}

function* generatedAtOnce(): Generator<Buffer> {
  yield Buffer.from('one, ')
  yield Buffer.from('two')
}

async function* failing(): AsyncGenerator<Buffer> {
  yield Buffer.from('one')
  throw new RangeError('the source failed')
}

const big = Buffer.alloc(300_000, 'big ')
const post = { url: '/echo', method: 'POST' }
const standard = ['fetch', 'installed', 'undici.fetch']

export const bodyCases: readonly Case[] = [
  { name: 'body: an empty string', ...post, body: () => '' },
  { name: 'body: text beyond latin1', ...post, body: () => 'grüße 世界 🎉' },
  { name: 'body: a lone surrogate', ...post, body: () => 'a\ud800b' },
  { name: 'body: a Buffer', ...post, body: () => Buffer.from([0, 1, 2, 255]) },
  { name: 'body: an empty Buffer', ...post, body: () => Buffer.alloc(0) },
  { name: 'body: a view of a part', ...post, body: () => new Uint8Array([9, 1, 2, 9]).subarray(1, 3) },
  { name: 'body: an ArrayBuffer', ...post, body: () => new Uint8Array([1, 2, 3]).buffer, except: ['got'] },
  { name: 'body: a DataView', ...post, body: () => new DataView(new Uint8Array([1, 2, 3]).buffer, 1), except: ['got'] },
  { name: 'body: a Uint16Array', ...post, body: () => new Uint16Array([1, 2, 3]) },
  { name: 'body: large', ...post, body: () => big },
  { name: 'body: null', ...post, body: () => null, except: ['got'] },
  { name: 'body: a number', ...post, body: () => 5 },
  { name: 'body: an object', ...post, body: () => ({ a: 1, b: { c: ['ü'] } }) },
  { name: 'body: an array', ...post, body: () => [1, 2] },
  { name: 'body: true', ...post, body: () => true },
  { name: 'body: URLSearchParams', ...post, body: () => new URLSearchParams({ a: '1', b: 'ü &' }) },
  {
    name: 'body: URLSearchParams, another content-type',
    ...post,
    body: () => new URLSearchParams({ a: '1' }),
    headers: { 'content-type': 'text/x' },
  },
  { name: 'body: FormData', ...post, body: form },
  { name: 'body: empty FormData', ...post, body: () => new FormData() },
  { name: 'body: FormData by PUT', url: '/echo', method: 'PUT', body: form },
  { name: 'body: the package form-data', ...post, body: packageForm, only: ['axios', 'got'] },
  { name: 'body: a Blob', ...post, body: () => new Blob(['blob'], { type: 'text/x' }) },
  { name: 'body: a Blob without a type', ...post, body: () => new Blob(['blob']) },
  { name: 'body: an empty Blob', ...post, body: () => new Blob([]) },
  { name: 'body: a File', ...post, body: () => new File(['file'], 'a.txt', { type: 'text/y' }) },
  { name: 'body: a Readable', ...post, body: () => Readable.from([Buffer.from('one, '), Buffer.from('two')]) },
  { name: 'body: a Readable of text', ...post, body: () => Readable.from(['one, ', 'zwö'], { objectMode: false }) },
  { name: 'body: an empty Readable', ...post, body: () => Readable.from([]) },
  { name: 'body: a large Readable', ...post, body: () => Readable.from([big, big]) },
  {
    name: 'body: a Readable with a content-length',
    ...post,
    body: () => Readable.from([Buffer.from('four')]),
    headers: { 'content-length': '4' },
  },
  { name: 'body: a Readable that fails', ...post, body: () => Readable.from(failing()), seen: false },
  {
    name: 'body: a Readable that was destroyed',
    ...post,
    body: () =>
      Readable.from(['x'])
        .on('error', () => {})
        .destroy(),
    seen: false,
    except: ['got', 'axios'],
  },
  { name: 'body: an async generator', ...post, body: generated, except: ['axios'] },
  { name: 'body: a generator', ...post, body: generatedAtOnce, only: ['undici.request', 'undici.stream', 'got'] },
  { name: 'body: an async generator that fails', ...post, body: failing, seen: false, except: ['axios'] },
  { name: 'body: a web stream', ...post, body: () => new Blob(['web ', 'stream']).stream(), except: ['axios'] },
  {
    name: 'body: a web stream of strings',
    ...post,
    body: () => ReadableStream.from(['a', 'b']),
    only: standard,
    seen: false,
  },
  {
    name: 'body: a stream without duplex',
    ...post,
    body: () => new Blob(['x']).stream(),
    only: standard,
    options: { fetch: { duplex: undefined }, installed: { duplex: undefined }, undici: { duplex: undefined } },
  },
  {
    name: 'body: a locked stream',
    ...post,
    body: (): ReadableStream => {
      const stream = new Blob(['x']).stream()
      stream.getReader()
      return stream
    },
    only: standard,
  },
  { name: 'DELETE with a Readable', url: '/echo', method: 'DELETE', body: () => Readable.from([Buffer.from('x')]) },
  { name: 'PATCH with a generator', url: '/echo', method: 'PATCH', body: generated, except: ['axios'] },
  { name: 'custom method with a body', url: '/echo', method: 'REPORT', body: () => 'x' },
  { name: 'an answer before the body has come', url: '/early', method: 'POST', body: () => 'x', seen: false },
  { name: 'a form that is redirected, 307', url: '/redirect/307?to=/echo', method: 'POST', body: form },
  { name: 'a form that is redirected, 302', url: '/redirect/302?to=/echo', method: 'POST', body: form },
  {
    name: 'a Readable that is redirected, 302',
    url: '/redirect/302?to=/echo',
    method: 'POST',
    body: () => Readable.from([Buffer.from('x')]),
  },
  {
    name: 'a Readable that is redirected, 307',
    url: '/redirect/307?to=/echo',
    method: 'POST',
    body: () => Readable.from([Buffer.from('x')]),
    seen: false,
  },
  {
    name: 'a Blob that is redirected, 308',
    url: '/redirect/308?to=other:/echo',
    method: 'POST',
    body: () => new Blob(['blob'], { type: 'text/x' }),
  },
]
