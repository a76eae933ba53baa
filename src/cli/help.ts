/** `--help`: a screen of what is needed every day, and everything in groups. */
import type { Row } from './option-row.ts'
import { GROUPS, spelling } from './options.ts'

const USAGE = 'Usage: hyper [options] [METHOD] URL [ITEM...]\n'

const ITEMS = `Items:
  Header:value  Header: (not sent)  Header; (empty)  :authority:x    request header fields
  name==value (query)   field=text  field:=json   the query; the body.  From files: :@ ==@ =@ :=@
  a[b]=c  a[]=1  a[0][b]:=2 (nested)   field@file[;type=text/plain] (upload, needs --form)
  @file (the body)            backslash: a\\:b=c   a\\[b\\]=c
`

const EXAMPLES = `Examples:
  hyper example.org/get id==1 X-Token:abc          hyper -d example.org/big.iso
  hyper example.org/post name=hyper age:=3         hyper -f example.org/upload me@a.png
  hyper -v --h2 http://localhost:8080/             echo hello | hyper example.org/post
`

/** One screen. */
export function shortHelp(): string {
  const lines = Object.values(GROUPS).flatMap((group) =>
    rows(group, 28).filter((_, i) => Object.values(group)[i].brief),
  )
  return `${USAGE}\n${lines.join('')}\nhyper --help all prints all options.\n\n${ITEMS}\n${EXAMPLES}`
}

/** Everything. */
export function longHelp(): string {
  const groups = Object.entries(GROUPS).map(([title, group]) => {
    const parts = rows(group, 30).map((row, i) => {
      const { more, choices } = Object.values(group)[i]
      const said = [more, choices === undefined || more !== undefined ? undefined : `One of ${choices.join(', ')}.`]
      return row + said.map((text) => (text === undefined ? '' : wrapped(text, 34))).join('')
    })
    return `${title}:\n${parts.join('')}`
  })
  return `${USAGE}       hyper trace FILE\n\n${groups.join('\n')}\n--no-X undoes --X. The beginning of a long option is enough where it can be no other.\n\n${ITEMS}\n${EXAMPLES}`
}

function rows(group: Readonly<Record<string, Row>>, width: number): string[] {
  return Object.entries(group).map(([name, row]) => {
    const left = `${/^--/.test(spelling(name, row)) ? '    ' : ''}${spelling(name, row)}${row.value === undefined ? '' : ` <${row.value}>`}`
    const [first = '', ...rest] = lines(row.text, 98 - width - 2)
    const head = left.length > width ? `  ${left}\n${' '.repeat(width + 2)}` : `  ${left.padEnd(width)}`
    return `${head} ${first}\n${rest.map((line) => `${' '.repeat(width + 3)}${line}\n`).join('')}`
  })
}

function wrapped(text: string, indent: number): string {
  return lines(text, 98 - indent)
    .map((line) => `${' '.repeat(indent)}${line}\n`)
    .join('')
}

function lines(text: string, width: number): string[] {
  const found: string[] = []
  for (const word of text.split(' ')) {
    const last = found.at(-1)
    if (last === undefined || last.length + word.length + 1 > width) found.push(word)
    else found[found.length - 1] = `${last} ${word}`
  }
  return found
}
