/**
 * What is done with each client of docs/cookbook.md, and what its service answers and sees. The client itself is made by the
 * block of the page.
 */
import type { Script } from '../../../src/testing/index.ts'

export interface Recipe {
  /** The heading of its section. */
  readonly title: string
  /** The package whose version the table has. */
  readonly package: string
  /** What puts it over the pool, as it stands in the section's block. */
  readonly line: string
  /** The service, as the client calls it. */
  readonly host: string
  /** Follows the block: what it writes is compared with `writes`. */
  readonly use: string
  readonly script: Readonly<Record<string, Script>>
  readonly writes: string
  /** Method and path of each request, sorted. */
  readonly sees: readonly string[]
  /** Default h2. */
  readonly protocol?: 'http/1.1'
  /** The name that an older version of the package is installed by. */
  readonly alias?: string
  /** What the process finds in its environment. */
  readonly env?: Readonly<Record<string, string>>
}

const three = (call: string): string => `(await Promise.all([1, 2, 3].map(() => ${call})))`
const thrice = (line: string): readonly string[] => [line, line, line]
const json = (request: { readonly body: Promise<Buffer> }) => request.body.then((body) => JSON.parse(String(body)))

/** The request's message, said back. */
const ECHO: Script = async (request) => ({
  headers: { 'content-type': request.headers['content-type'] ?? '' },
  body: await request.body,
})

/** A service of one method, from one well-known message to the same, without any generated code. */
const SERVICE = `
import { create, createFileRegistry } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt'
import { createClient } from '@connectrpc/connect'

const type = '.google.protobuf.StringValue'
const file = create(FileDescriptorProtoSchema, {
  name: 'echo.proto',
  package: 'example',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [{ name: 'Echo', method: [{ name: 'Say', inputType: type, outputType: type }] }],
})
const registry = createFileRegistry(file, () => file_google_protobuf_wrappers.proto)
const service = registry.getService('example.Echo')
if (service === undefined) throw new Error('there is no such service')
const say: unknown = createClient(service, transport)['say']
if (typeof say !== 'function') throw new Error('there is no such method')
console.log(${three("say({ value: 'hello' })")}.map(({ value }) => value).join(' '))
`

const MESSAGE = {
  id: 'm1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content: [{ type: 'text', text: 'hello' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1, output_tokens: 1 },
}

const COMPLETION = {
  id: 'c1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}

/** An MCP server with one tool, as far as a client asks. */
const MCP: Script = async (request) => {
  if (request.method !== 'POST') return { status: 405 }
  const { id, method } = await json(request)
  if (id === undefined) return { status: 202 }
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'example', version: '1' },
    },
    'tools/list': { tools: [{ name: 'hello', inputSchema: { type: 'object' } }] },
  }
  const message = JSON.stringify({ jsonrpc: '2.0', id, result: results[method] })
  return { headers: { 'content-type': 'text/event-stream' }, body: `event: message\ndata: ${message}\n\n` }
}

/** A document, as this version of Elasticsearch answers. */
const document = (version: number): Script => ({
  headers: {
    'x-elastic-product': 'Elasticsearch',
    'content-type': `application/vnd.elasticsearch+json;compatible-with=${version}`,
  },
  body: '{"_index":"items","_id":"1","found":true,"_source":{"a":1}}',
})

const BUCKETS =
  '<?xml version="1.0"?><ListAllMyBucketsResult><Buckets><Bucket><Name>hello</Name></Bucket></Buckets></ListAllMyBucketsResult>'

export const RECIPES: readonly Recipe[] = [
  {
    title: 'openai',
    package: 'openai',
    line: "new OpenAI({ apiKey: 'secret', fetch })",
    host: 'api.openai.com',
    use: `const ask = () => client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hello' }] })
console.log(${three('ask()')}.map(({ choices }) => choices[0]?.message.content).join(' '))`,
    script: { 'POST /v1/chat/completions': { json: COMPLETION } },
    writes: 'hello hello hello',
    sees: thrice('POST /v1/chat/completions'),
  },
  {
    title: 'Anthropic',
    package: '@anthropic-ai/sdk',
    line: "new Anthropic({ apiKey: 'secret', fetch })",
    host: 'api.anthropic.com',
    use: `const ask = () => client.messages.create({ model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hello' }] })
console.log(${three('ask()')}.map(({ content: [first] }) => first?.type === 'text' && first.text).join(' '))`,
    script: { 'POST /v1/messages': { json: MESSAGE } },
    writes: 'hello hello hello',
    sees: thrice('POST /v1/messages'),
  },
  {
    title: 'LangChain',
    package: '@langchain/openai',
    line: 'configuration: { fetch }',
    host: 'api.openai.com',
    use: `console.log(${three("model.invoke('hello')")}.map(({ content }) => content).join(' '))`,
    script: { 'POST /v1/chat/completions': { json: COMPLETION } },
    writes: 'hello hello hello',
    sees: thrice('POST /v1/chat/completions'),
  },
  {
    title: 'MCP',
    package: '@modelcontextprotocol/sdk',
    line: "new StreamableHTTPClientTransport(new URL('https://mcp.example.com/mcp'), { fetch })",
    host: 'mcp.example.com',
    use: `console.log(${three('client.listTools()')}.map(({ tools }) => tools[0]?.name).join(' '))
await client.close()`,
    script: { '/mcp': MCP },
    writes: 'hello hello hello',
    // To begin, to say so, to listen, and to ask.
    sees: ['GET /mcp', ...thrice('POST /mcp'), 'POST /mcp', 'POST /mcp'],
  },
  {
    title: 'Octokit',
    package: '@octokit/core',
    line: 'request: { fetch }',
    host: 'api.github.com',
    use: `const ask = () => octokit.request('GET /repos/{owner}/{repo}', { owner: 'a', repo: 'b' })
console.log(${three('ask()')}.map(({ data }) => data.full_name).join(' '))`,
    script: { 'GET /repos/a/b': { json: { full_name: 'a/b' } } },
    writes: 'a/b a/b a/b',
    sees: thrice('GET /repos/a/b'),
  },
  {
    title: 'Slack',
    package: '@slack/web-api',
    line: "new WebClient('xoxb-secret', { fetch })",
    host: 'slack.com',
    use: `const post = () => slack.chat.postMessage({ channel: 'c', text: 'hello' })
console.log(${three('post()')}.map(({ message }) => message?.text).join(' '))`,
    script: { 'POST /api/chat.postMessage': { json: { ok: true, message: { text: 'hello' } } } },
    writes: 'hello hello hello',
    sees: thrice('POST /api/chat.postMessage'),
  },
  {
    title: 'Stripe',
    package: 'stripe',
    line: 'httpClient: Stripe.createFetchHttpClient(fetch)',
    host: 'api.stripe.com',
    use: `console.log(${three("stripe.customers.create({ name: 'hello' })")}.map(({ name }) => name).join(' '))`,
    script: { 'POST /v1/customers': { json: { id: 'c1', object: 'customer', name: 'hello' } } },
    writes: 'hello hello hello',
    sees: thrice('POST /v1/customers'),
  },
  {
    title: 'Supabase',
    package: '@supabase/supabase-js',
    line: 'global: { fetch }',
    host: 'project.supabase.co',
    use: `const ask = async () => supabase.from('items').select('name')
console.log(${three('ask()')}.map(({ data }) => data?.[0]?.name).join(' '))`,
    script: { 'GET /rest/v1/items': { json: [{ name: 'hello' }] } },
    writes: 'hello hello hello',
    sees: thrice('GET /rest/v1/items?select=name'),
  },
  {
    title: 'Elasticsearch',
    package: '@elastic/elasticsearch',
    line: 'agent: ({ url, tls }) => new HyperPool(url.origin, { connect: tls ?? {}, headersTimeout: 30_000 })',
    host: 'elastic.example.com',
    use: `console.log(${three("elastic.get({ index: 'items', id: '1' })")}.map(({ _source }) => JSON.stringify(_source)).join(' '))
await elastic.close()`,
    script: { 'GET /items/_doc/1': document(9) },
    writes: '{"a":1} {"a":1} {"a":1}',
    sees: thrice('GET /items/_doc/1'),
  },
  {
    title: 'Elasticsearch 8',
    package: '@elastic/elasticsearch',
    alias: 'elasticsearch8',
    line: 'Connection: HyperConnection',
    host: 'elastic.example.com',
    use: `console.log(${three("elastic.get({ index: 'items', id: '1' })")}.map(({ _source }) => JSON.stringify(_source)).join(' '))
await elastic.close()`,
    script: { 'GET /items/_doc/1': document(8) },
    writes: '{"a":1} {"a":1} {"a":1}',
    sees: thrice('GET /items/_doc/1'),
  },
  {
    title: 'AWS SDK',
    package: '@aws-sdk/client-s3',
    line: 'requestHandler: new HyperRequestHandler()',
    host: 's3.eu-central-1.amazonaws.com',
    use: `import { ListBucketsCommand } from '@aws-sdk/client-s3'
const ask = () => s3.send(new ListBucketsCommand())
console.log(${three('ask()')}.map(({ Buckets }) => Buckets?.[0]?.Name).join(' '))`,
    script: { 'GET /': { headers: { 'content-type': 'application/xml' }, body: BUCKETS } },
    writes: 'hello hello hello',
    sees: thrice('GET /?x-id=ListBuckets'),
    env: { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' },
  },
  {
    title: 'Azure',
    package: '@azure/core-rest-pipeline',
    line: 'pipeline.addPolicy(agentPolicy(hyperAgent.https))',
    host: 'vault.example.com',
    use: `const client = createDefaultHttpClient()
const ask = () => pipeline.sendRequest(client, createPipelineRequest({ url: 'https://vault.example.com/secrets' }))
console.log(${three('ask()')}.map(({ bodyAsText }) => bodyAsText).join(' '))`,
    script: { 'GET /secrets': { body: 'hello' } },
    writes: 'hello hello hello',
    sees: thrice('GET /secrets'),
  },
  {
    title: 'Connect',
    package: '@connectrpc/connect-web',
    line: "createConnectTransport({ baseUrl: 'https://api.example.com', fetch })",
    host: 'api.example.com',
    use: SERVICE,
    script: { 'POST /example.Echo/Say': ECHO },
    writes: 'hello hello hello',
    sees: thrice('POST /example.Echo/Say'),
  },
  {
    title: 'Connect for Node',
    package: '@connectrpc/connect-node',
    line: 'nodeOptions: { agent: hyperAgent.https }',
    host: 'api.example.com',
    use: SERVICE,
    script: { 'POST /example.Echo/Say': ECHO },
    writes: 'hello hello hello',
    sees: thrice('POST /example.Echo/Say'),
  },
  {
    title: 'socket.io',
    package: 'socket.io-client',
    line: 'transports: [Fetch, WebSocket]',
    host: 'chat.example.com',
    use: `await new Promise<void>((resolve, reject) => {
  socket.on('connect', resolve)
  socket.on('connect_error', reject)
})
console.log(socket.io.engine.transport.name, socket.id)
process.exit()`,
    script: {
      // The handshake; then what the client is told, and asks.
      'GET /socket.io/': [
        { body: '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}' },
        { body: '40{"sid":"hello"}' },
        { silence: true },
      ],
      'POST /socket.io/': { body: 'ok' },
    },
    writes: 'polling hello',
    sees: ['GET /socket.io/', 'GET /socket.io/', 'POST /socket.io/'],
  },
  {
    title: 'axios with cookies',
    package: 'axios',
    line: 'createHyperAdapter({ pool: compose(new Pool(), cookies(jar)) })',
    host: 'api.example.com',
    use: `await client.get('https://api.example.com/login')
console.log(${three("client.get('https://api.example.com/items')")}.map(({ data }) => data).join(' '))`,
    script: {
      '/login': { headers: { 'set-cookie': 'a=1' } },
      '/items': (request) => ({ body: request.headers['cookie'] ?? 'none' }),
    },
    writes: 'a=1 a=1 a=1',
    sees: [...thrice('GET /items'), 'GET /login'],
  },
  {
    title: 'axios-cookiejar-support',
    package: 'axios-cookiejar-support',
    line: 'wrapper(axios.create({ adapter: hyperAdapter, jar: new CookieJar() }))',
    host: 'api.example.com',
    use: `await client.get('https://api.example.com/login')
console.log(${three("client.get('https://api.example.com/items')")}.map(({ data }) => data).join(' '))`,
    script: {
      '/login': { headers: { 'set-cookie': 'a=1' } },
      '/items': (request) => ({ body: request.headers['cookie'] ?? 'none' }),
    },
    writes: 'a=1 a=1 a=1',
    sees: [...thrice('GET /items'), 'GET /login'],
    protocol: 'http/1.1',
  },
  ...['ky', 'ofetch'].map((title) => ({
    title,
    package: title,
    line: title === 'ky' ? 'ky.create({ fetch })' : 'createFetch({ fetch })',
    host: 'api.example.com',
    use:
      title === 'ky'
        ? `console.log(${three("api.get('https://api.example.com/items').text()")}.join(' '))`
        : `console.log(${three("ofetch('https://api.example.com/items', { responseType: 'text' })")}.join(' '))`,
    script: { 'GET /items': { body: 'hello' } },
    writes: 'hello hello hello',
    sees: thrice('GET /items'),
  })),
  {
    title: 'graphql-request',
    package: 'graphql-request',
    line: "new GraphQLClient('https://api.example.com/graphql', { fetch })",
    host: 'api.example.com',
    use: `console.log(${three("graphql.request<{ a: string }>('{ a }')")}.map(({ a }) => a).join(' '))`,
    script: { 'POST /graphql': { json: { data: { a: 'hello' } } } },
    writes: 'hello hello hello',
    sees: thrice('POST /graphql'),
  },
  {
    title: 'node-fetch',
    package: 'node-fetch',
    line: "fetch('https://api.example.com/items', { agent })",
    host: 'api.example.com',
    use: `const more = await Promise.all([2, 3].map(() => fetch('https://api.example.com/items', { agent })))
console.log((await Promise.all([response, ...more].map((one) => one.text()))).join(' '))`,
    script: { 'GET /items': { body: 'hello' } },
    writes: 'hello hello hello',
    sees: thrice('GET /items'),
  },
  {
    title: 'superagent',
    package: 'superagent',
    line: '.agent(hyperAgent.https)',
    host: 'api.example.com',
    use: `const more = ${three("superagent.get('https://api.example.com/items').agent(hyperAgent.https)")}
console.log([text, ...more.map((one) => one.text)].join(' '))`,
    script: { 'GET /items': { body: 'hello', headers: { 'content-type': 'text/plain' } } },
    writes: 'hello hello hello hello',
    sees: ['GET /items', ...thrice('GET /items')],
  },
]
