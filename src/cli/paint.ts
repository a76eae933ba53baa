/** Colours, and what text becomes on its way to a terminal. */
import { styleText } from 'node:util'
import type { Pretty } from './arguments.ts'
import { FORMATS, type FormatOptions } from './format-options.ts'
import type { Stream } from './sink.ts'
import { type Role, type Style, styleNamed } from './styles.ts'
import { harmless, harmlessLine } from './text.ts'

export interface PainterOptions {
  readonly style?: string | undefined
  readonly formats?: FormatOptions | undefined
}

export class Painter {
  /** Nothing is done to what is shown. */
  readonly raw: boolean
  /** Bodies get lines and indentation. */
  readonly formats: boolean
  /** How. */
  readonly how: FormatOptions
  readonly isTerminal: boolean
  /** Escape sequences are written. */
  private readonly colours: boolean
  /** What is written is meant for a terminal: nothing in it may act. */
  private readonly guarded: boolean
  private readonly style: Style

  /** @param pretty as asked for; default: everything on a terminal, nothing elsewhere. */
  constructor(stream: Stream, pretty: Pretty | undefined, { style, formats = FORMATS }: PainterOptions = {}) {
    const isTerminal = stream.isTTY === true
    const how = pretty ?? (isTerminal ? 'all' : 'none')
    const wanted = how === 'all' || how === 'colors'
    this.isTerminal = isTerminal
    // A terminal decides (NO_COLOR, FORCE_COLOR); elsewhere they were asked for.
    this.colours = wanted && styleText('red', 'x', { stream, validateStream: isTerminal }) !== 'x'
    this.guarded = isTerminal || wanted
    this.formats = how === 'all' || how === 'format'
    this.how = formats
    this.raw = how === 'none' && !isTerminal
    this.style = styleNamed(style)
  }

  /** Are tokens of bodies to be looked at? */
  get looksAtTokens(): boolean {
    return this.colours || this.formats
  }

  /** In the colour of this role, if there are colours. */
  paint(role: Role, text: string): string {
    const sgr = this.colours ? this.style[role] : undefined
    if (sgr === undefined || text === '') return text
    return `\x1b[${sgr}m${text}\x1b[${END[sgr] ?? '39'}m`
  }

  token(token: string, role: Role): string {
    return this.paint(role, this.text(token))
  }

  /** Lines of text. What is coloured is meant for a terminal, wherever it goes first. */
  text(text: string): string {
    return this.guarded ? harmless(text) : text
  }

  /** Text that must stay one line. */
  line(text: string): string {
    return this.guarded ? harmlessLine(text) : text
  }
}

/** Bold and faint end otherwise than colours. */
const END: Readonly<Record<string, string>> = { '1': '22', '2': '22' }
