/** The colours of each kind of token, by the name of a style. */

/** What is told apart by its colour. */
export type Role =
  | 'name'
  | 'string'
  | 'number'
  | 'literal'
  | 'punctuation'
  | 'field'
  | 'method'
  | 'comment'
  | 'informational'
  | 'success'
  | 'redirect'
  | 'client-error'
  | 'server-error'

/** SGR parameters that begin a colour; the text between is ended by the default colour. */
export type Style = Readonly<Partial<Record<Role, string>>>

/** The terminal's own colours. */
const AUTO: Style = {
  name: '34',
  string: '32',
  number: '36',
  literal: '35',
  field: '36',
  method: '1',
  comment: '2',
  informational: '34',
  success: '32',
  redirect: '33',
  'client-error': '31',
  'server-error': '35',
}

/** @param colours name, string, number, literal, field, method; then of 1xx and 2xx, 3xx, 4xx, 5xx. */
function hex(comment: string, ...colours: readonly string[]): Style {
  const [name, string, number, literal, field, method, success, redirect, client, server] = colours.map(sgr)
  return {
    name,
    string,
    number,
    literal,
    field,
    method,
    comment: sgr(comment),
    informational: success,
    success,
    redirect,
    'client-error': client,
    'server-error': server,
  }
}

function sgr(colour: string): string {
  const [red, green, blue] = [0, 2, 4].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
  return `38;2;${red};${green};${blue}`
}

const STYLES: Readonly<Record<string, Style>> = {
  auto: AUTO,
  bw: { name: '1', method: '1', field: '1', comment: '2' },
  pie: hex(
    '7d7d7d',
    '4b78e6',
    '5bbf5b',
    'ff8b41',
    'b464f0',
    '4ea5b5',
    'e5c21a',
    '5bbf5b',
    'e5c21a',
    'ff8b41',
    'e5484d',
  ),
  monokai: hex(
    '75715e',
    'f92672',
    'e6db74',
    'ae81ff',
    '66d9ef',
    'a6e22e',
    'f92672',
    'a6e22e',
    'e6db74',
    'fd971f',
    'f92672',
  ),
  solarized: hex(
    '586e75',
    '268bd2',
    '2aa198',
    'd33682',
    'b58900',
    '93a1a1',
    '859900',
    '859900',
    'b58900',
    'cb4b16',
    'dc322f',
  ),
  dracula: hex(
    '6272a4',
    '8be9fd',
    'f1fa8c',
    'bd93f9',
    'ff79c6',
    '50fa7b',
    'ff79c6',
    '50fa7b',
    'f1fa8c',
    'ffb86c',
    'ff5555',
  ),
  nord: hex(
    '616e88',
    '81a1c1',
    'a3be8c',
    'b48ead',
    'd08770',
    '8fbcbb',
    'ebcb8b',
    'a3be8c',
    'ebcb8b',
    'd08770',
    'bf616a',
  ),
  'gruvbox-dark': hex(
    '928374',
    '83a598',
    'b8bb26',
    'd3869b',
    'fe8019',
    '8ec07c',
    'fabd2f',
    'b8bb26',
    'fabd2f',
    'fe8019',
    'fb4934',
  ),
  'github-dark': hex(
    '8b949e',
    '79c0ff',
    'a5d6ff',
    'd2a8ff',
    'ff7b72',
    '7ee787',
    'ffa657',
    '7ee787',
    'ffa657',
    'ff7b72',
    'f85149',
  ),
}

export const STYLE_NAMES: readonly string[] = Object.keys(STYLES)

/** The style of this name; the terminal's own colours for none. */
export function styleNamed(name = 'auto'): Style {
  return STYLES[name] ?? AUTO
}
