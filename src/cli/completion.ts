/** `--completion`: what shells complete, of the table of options. */
import type { Row } from './option-row.ts'
import { OPTION_NAMES, OPTIONS } from './options.ts'

const METHODS = 'GET POST PUT PATCH DELETE HEAD OPTIONS QUERY'

/** @param shell bash, zsh or fish. */
export function completions(shell: string): string {
  return shell === 'bash' ? bash() : shell === 'zsh' ? zsh() : fish()
}

const rows: readonly (readonly [name: string, row: Row])[] = OPTION_NAMES.map((name) => [name, OPTIONS[name]])

/** All spellings of an option. */
function spelt(name: string, { short, alias }: Row): string[] {
  return [name, short, alias].flatMap((one) => (one === undefined ? [] : `${one.length === 1 ? '-' : '--'}${one}`))
}

function bash(): string {
  const cases = rows.flatMap(([name, row]) => {
    if (row.value === undefined) return []
    const answer =
      row.choices !== undefined
        ? `COMPREPLY=($(compgen -W "${row.choices.join(' ')}" -- "$word"))`
        : row.file
          ? 'COMPREPLY=($(compgen -f -- "$word"))'
          : 'COMPREPLY=()'
    return [`    ${spelt(name, row).join('|')}) ${answer}; return ;;`]
  })
  const all = rows.flatMap(([name, row]) => spelt(name, row)).join(' ')
  return `# bash completion for hyper: source it, or put it where bash looks for completions.
_hyper() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  case "$before" in
${cases.join('\n')}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "${all}" -- "$word")) ;;
    @*) COMPREPLY=($(compgen -f -P @ -- "\${word#@}")) ;;
    *) COMPREPLY=($(compgen -W "${METHODS}" -- "$word")) ;;
  esac
}
complete -o default -F _hyper hyper
`
}

function zsh(): string {
  const specs = rows.flatMap(([name, row]) => {
    const names = spelt(name, row)
    const repeated = row.kind === 'list' || row.kind === 'count'
    const said = row.text.replace(/[[\]\\:]/g, '\\$&')
    const action = row.choices === undefined ? (row.file ? '_files' : ' ') : `(${row.choices.join(' ')})`
    const value = row.value === undefined ? '' : `:${row.value.replaceAll(':', '\\:')}:${action}`
    return names.map((one) => quoted(`${repeated ? '*' : `(${names.join(' ')})`}${one}[${said}]${value}`))
  })
  return `#compdef hyper
# zsh completion for hyper: put it as _hyper where $fpath leads.
_arguments -s -S \\
  ${specs.join(' \\\n  ')} \\
  '1:method or URL:(${METHODS})' \\
  '*:item:_files'
`
}

function fish(): string {
  const lines = rows.map(([name, row]) => {
    const names = spelt(name, row).map((one) => (one.startsWith('--') ? `-l ${one.slice(2)}` : `-s ${one.slice(1)}`))
    const value =
      row.value === undefined
        ? ''
        : row.choices !== undefined
          ? ` -x -a ${quoted(row.choices.join(' '))}`
          : row.file
            ? ' -r -F'
            : ' -x'
    return `complete -c hyper ${names.join(' ')}${value} -d ${quoted(row.text)}`
  })
  return `# fish completion for hyper: put it as hyper.fish among the completions.
${lines.join('\n')}
complete -c hyper -n '__fish_is_first_arg' -a '${METHODS}'
`
}

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
