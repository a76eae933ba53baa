/** The pages of the site: what its navigation calls its parts, and which page of docs/ stands where. */

export const PARTS: readonly (readonly [title: string, pages: readonly string[]])[] = [
  ['Start here', ['quickstart', 'cookbook', 'migrating', 'faq', 'troubleshooting', 'glossary']],
  ['Libraries', ['axios', 'undici', 'got', 'fetch', 'aws', 'agent', 'register', 'compose', 'cookies', 'testing']],
  [
    'Core',
    [
      ...['connection', 'pool', 'options', 'timeouts', 'errors', 'tls', 'proxies', 'environment', 'flow-control'],
      ...['push', 'tunnels', 'exchange'],
    ],
  ],
  ['Toolbox', ['frame', 'hpack', 'h2', 'h1', 'priority', 'websocket', 'content']],
  ['Command', ['command', 'command-parity']],
  [
    'Operations',
    ['observability', 'field', 'interop', 'serverless', 'runtimes', 'bundling', 'typescript', 'compatibility'],
  ],
  ['Project', ['architecture', 'benchmarks', 'hyper-parity', 'security', 'contributing']],
]
