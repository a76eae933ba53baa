/** `--man`: the manual page, of the table of options. */
import { GROUPS, spelling } from './options.ts'

const ITEMS: Readonly<Record<string, string>> = {
  'Header:value': 'a header field; Header: is not sent, Header; is empty',
  'name==value': 'appended to the query',
  'field=text, field:=json': 'a member of the JSON object, or a field of the form',
  'field=@file, field:=@file': 'the same, from a file',
  'a[b]=c, a[]=1, a[0][b]:=2': 'nested JSON',
  'field@file': 'a file to upload, with --form',
  '@file': 'the file is the body',
}

const CODES: Readonly<Record<string, string>> = {
  '0': 'there was a response',
  '1': 'an error: no connection, a broken protocol, a file that cannot be written',
  '2': 'a timeout, or a command line that cannot be understood',
  '3, 4, 5': 'with --check-status: a status 3xx, 4xx, 5xx',
  '6': 'more redirects than --max-redirects',
  '130': 'interrupted',
}

/** In roff. */
export function manualPage(version: string): string {
  const options = Object.entries(GROUPS).map(([title, group]) => {
    const entries = Object.entries(group).map(([name, row]) => {
      const value = row.value === undefined ? '' : ` \\fI${escaped(row.value)}\\fR`
      const said = [row.text, row.more, row.choices === undefined ? undefined : `One of ${row.choices.join(', ')}.`]
      return `.TP\n\\fB${escaped(spelling(name, row))}\\fR${value}\n${said
        .filter((one) => one !== undefined)
        .map(escaped)
        .join('\n')}\n`
    })
    return `.SS ${escaped(title)}\n${entries.join('')}`
  })
  return `.TH HYPER 1 "" "hyper ${escaped(version)}" "User commands"
.SH NAME
hyper \\- HTTP client for the shell, over HTTP/2 and HTTP/1.1
.SH SYNOPSIS
.B hyper
[options] [\\fIMETHOD\\fR] \\fIURL\\fR [\\fIITEM\\fR...]
.br
.B hyper trace
\\fIFILE\\fR
.SH DESCRIPTION
Sends a request and shows the response: on a terminal head and body, in colour; in a pipe the body, octet by octet.
METHOD is GET by default, or POST when there is data. URL is https unless it says http; :3000/x is localhost:3000/x.
.SH ITEMS
${definitions(ITEMS)}.SH OPTIONS
\\fB\\-\\-no\\-X\\fR takes \\fB\\-\\-X\\fR back.
${options.join('')}.SH EXIT STATUS
${definitions(CODES)}.SH FILES
.TP
~/.config/hyper/config.json
default_options: options that count where the command line does not say otherwise. HYPER_CONFIG_DIR names another folder.
.TP
~/.netrc
credentials by host.
.TP
~/.cache/hyper
what V8 made of the program, so that it starts faster. XDG_CACHE_HOME names the folder around it;
NODE_DISABLE_COMPILE_CACHE=1 keeps nothing. It may be deleted at any time.
.SH SEE ALSO
.BR curl (1),
.BR http (1)
`
}

function definitions(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .map(([term, text]) => `.TP\n${escaped(term)}\n${escaped(text)}\n`)
    .join('')
}

/** Hyphens are hyphens, backslashes are backslashes, and a line may begin with a dot. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
}
