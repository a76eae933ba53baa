/** Libraries that take a fetch, on ours. */
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { Octokit } from '@octokit/core'
import { ClientError, GraphQLClient } from 'graphql-request'
import ky from 'ky'
import { createFetch as createOfetch } from 'ofetch'
import OpenAI from 'openai'
import { createFetch } from '../../../adapters/fetch.ts'
import { Pool } from '../../../src/index.ts'
import { rejection } from '../../support/exchange.ts'
import { type Answer, type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

type Started = TestOrigin<never>

function routes(): Routes {
  let flaky = 0
  return {
    '/json': async (call, answer) => {
      const sent = await text(call.body)
      answer.head(200, { 'content-type': 'application/json', 'x-protocol': call.protocol })
      answer.end(JSON.stringify({ method: call.method, query: [...call.query], sent }))
    },
    '/flaky': (_call, answer) => {
      answer.head(flaky++ < 1 ? 503 : 200, { 'content-type': 'application/json' })
      answer.end('{"ok":true}')
    },
    '/missing': (_call, answer) => {
      answer.head(404, { 'content-type': 'application/json' })
      answer.end('{"error":"nothing here"}')
    },
    '/never': () => {},
    '/graphql': async (call, answer) => {
      const { query, variables } = JSON.parse(await text(call.body))
      answer.head(200, { 'content-type': 'application/json' })
      const fails = query.includes('nothing')
      answer.end(
        JSON.stringify(fails ? { errors: [{ message: 'no such field' }] } : { data: { hello: variables.name } }),
      )
    },
    '/repos': (call, answer) => {
      const known = call.path === '/repos/a/b'
      answer.head(known ? 200 : 404, { 'content-type': 'application/json; charset=utf-8', 'x-protocol': call.protocol })
      answer.end(JSON.stringify(known ? { full_name: 'a/b' } : { message: 'Not Found' }))
    },
    '/v1': async (call, answer) => {
      if (call.path === '/v1/messages') return messages(JSON.parse(await text(call.body)), answer)
      if (call.path !== '/v1/chat/completions') {
        answer.head(404, { 'content-type': 'application/json' })
        return answer.end('{"error":{"message":"no such model"}}')
      }
      const request = JSON.parse(await text(call.body))
      const chunk = (content: string): object => ({
        id: 'c1',
        object: 'chat.completion.chunk',
        created: 1,
        model: request.model,
        choices: [{ index: 0, delta: { content }, finish_reason: null }],
      })
      if (request.stream !== true) {
        answer.head(200, { 'content-type': 'application/json' })
        const message = { role: 'assistant', content: `echo ${request.messages[0].content}` }
        answer.end(
          JSON.stringify({
            id: 'c1',
            object: 'chat.completion',
            created: 1,
            model: request.model,
            choices: [{ index: 0, message, finish_reason: 'stop' }],
          }),
        )
        return
      }
      answer.head(200, { 'content-type': 'text/event-stream' })
      for (const word of ['one', 'two', 'three']) answer.write(`data: ${JSON.stringify(chunk(word))}\n\n`)
      answer.end('data: [DONE]\n\n')
    },
  }
}

/** A message of Anthropic's, whole or as events. */
function messages({ model, stream }: { model: string; stream?: boolean }, answer: Answer): void {
  if (model === 'none') {
    answer.head(404, { 'content-type': 'application/json' })
    answer.end('{"type":"error","error":{"type":"not_found_error","message":"no such model"}}')
    return
  }
  const usage = { input_tokens: 1, output_tokens: 1 }
  const message = { id: 'm1', type: 'message', role: 'assistant', model, content: [], stop_reason: null, usage }
  if (stream !== true) {
    answer.head(200, { 'content-type': 'application/json' })
    answer.end(JSON.stringify({ ...message, content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn' }))
    return
  }
  answer.head(200, { 'content-type': 'text/event-stream' })
  const event = (type: string, rest: object): void => {
    answer.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`)
  }
  event('message_start', { message })
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
  for (const word of ['one', 'two'])
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: word } })
  event('content_block_stop', { index: 0 })
  event('message_delta', { delta: { stop_reason: 'end_turn' }, usage })
  event('message_stop', {})
  answer.end()
}

const kinds: [string, () => Promise<Started>, string][] = [
  ['an HTTP/2 origin', () => startH2Origin(routes()) as Promise<Started>, 'h2'],
  ['an HTTP/1.1 origin', () => startH1Origin(routes()) as Promise<Started>, 'http/1.1'],
]

for (const [kind, start, protocol] of kinds) {
  describe(`ky on our fetch, with ${kind}`, () => {
    test('json, search parameters, retries, HTTP errors and timeouts', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = ky.create({ fetch: createFetch({ pool }) as typeof fetch, prefix: origin.origin })
      const response = await client.post('json', { json: { a: 1 }, searchParams: { q: 'x y' } })
      assert.equal(response.headers.get('x-protocol'), protocol)
      assert.deepEqual(await response.json(), { method: 'POST', query: [['q', 'x y']], sent: '{"a":1}' })
      const retried = await client.get('flaky', { retry: { limit: 2, delay: () => 1 } }).json()
      assert.deepEqual(retried, { ok: true })
      const missing = await rejection(client.get('missing').json())
      assert.equal(missing.name, 'HTTPError')
      const late = await rejection(client.get('never', { timeout: 50, retry: 0 }).text())
      assert.equal(late.name, 'TimeoutError')
    })
  })

  describe(`ofetch on our fetch, with ${kind}`, () => {
    test('json both ways, retries, errors with their data', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = createOfetch({ fetch: createFetch({ pool }) as typeof fetch, Headers, AbortController })
      const options = { baseURL: origin.origin }
      const sent = await client('/json', { ...options, method: 'PUT', body: { b: 2 }, query: { n: 1 } })
      assert.deepEqual(sent, { method: 'PUT', query: [['n', '1']], sent: '{"b":2}' })
      assert.deepEqual(await client('/flaky', { ...options, retry: 1, retryDelay: 1 }), { ok: true })
      const error = await rejection(client('/missing', { ...options, retry: 0 }))
      assert.deepEqual('data' in error && error.data, { error: 'nothing here' })
    })
  })

  describe(`openai on our fetch, with ${kind}`, () => {
    test('a completion, a stream of events, and an error of the service', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = new OpenAI({
        apiKey: 'none',
        baseURL: `${origin.origin}/v1`,
        fetch: createFetch({ pool }) as typeof fetch,
        maxRetries: 0,
      })
      const messages = [{ role: 'user', content: 'hello' }] as const
      const whole = await client.chat.completions.create({ model: 'm', messages: [...messages] })
      assert.equal(whole.choices[0].message.content, 'echo hello')
      const words: string[] = []
      for await (const event of await client.chat.completions.create({
        model: 'm',
        messages: [...messages],
        stream: true,
      })) {
        words.push(event.choices[0].delta.content ?? '')
      }
      assert.deepEqual(words, ['one', 'two', 'three'])
      const error = await rejection(client.models.retrieve('nothing'))
      assert.ok(error instanceof OpenAI.APIError)
    })
  })

  describe(`@anthropic-ai/sdk on our fetch, with ${kind}`, () => {
    test('a message, a stream of events, and an error of the service', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = new Anthropic({
        apiKey: 'none',
        baseURL: origin.origin,
        fetch: createFetch({ pool }) as typeof fetch,
        maxRetries: 0,
      })
      const ask = { model: 'm', max_tokens: 5, messages: [{ role: 'user' as const, content: 'hello' }] }
      const { content } = await client.messages.create(ask)
      assert.deepEqual(content, [{ type: 'text', text: 'hello' }])
      assert.equal(await client.messages.stream(ask).finalText(), 'onetwo')
      const error = await rejection(client.messages.create({ ...ask, model: 'none' }))
      assert.ok(error instanceof Anthropic.NotFoundError)
    })
  })

  describe(`graphql-request on our fetch, with ${kind}`, () => {
    test('a query with variables, and an error of the service', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const client = new GraphQLClient(`${origin.origin}/graphql`, { fetch: createFetch({ pool }) as typeof fetch })
      const query = 'query Hello($name: String!) { hello(name: $name) }'
      assert.deepEqual(await client.request(query, { name: 'you' }), { hello: 'you' })
      assert.ok((await rejection(client.request('{ nothing }'))) instanceof ClientError)
    })
  })

  describe(`@octokit/core on our fetch, with ${kind}`, () => {
    test('a request, and an error of the service', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const octokit = new Octokit({ baseUrl: origin.origin, request: { fetch: createFetch({ pool }) } })
      const { data, headers } = await octokit.request('GET /repos/{owner}/{repo}', { owner: 'a', repo: 'b' })
      assert.equal(data.full_name, 'a/b')
      assert.equal(headers['x-protocol'], protocol)
      const error = await rejection(octokit.request('GET /repos/{owner}/{repo}', { owner: 'a', repo: 'none' }))
      assert.equal('status' in error && error.status, 404)
    })
  })
}
