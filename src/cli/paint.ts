/** Colours, and what text becomes on its way to a terminal. */
import { styleText } from 'node:util'
import type { Pretty } from './arguments.ts'
import type { JsonKind } from './json.ts'
import type { Stream } from './sink.ts'
import { harmless, harmlessLine } from './text.ts'

export type Colour = Exclude<Parameters<typeof styleText>[0], readonly unknown[]>

const OF_TOKEN: Readonly<Record<JsonKind, Colour | undefined>> = {
  name: 'blue',
  string: 'green',
  number: 'cyan',
  literal: 'magenta',
  punctuation: undefined,
}

export class Painter {
  /** Nothing is done to what is shown. */
  readonly raw: boolean
  /** JSON gets lines and indentation. */
  readonly formats: boolean
  readonly isTerminal: boolean
  private readonly stream: Stream
  private readonly colours: boolean

  /** @param pretty as asked for; default: everything on a terminal, nothing elsewhere. */
  constructor(stream: Stream, pretty: Pretty | undefined) {
    const isTerminal = stream.isTTY === true
    const how = pretty ?? (isTerminal ? 'all' : 'none')
    this.stream = stream
    this.isTerminal = isTerminal
    this.colours = how === 'all' || how === 'colors'
    this.formats = how === 'all' || how === 'format'
    this.raw = how === 'none' && !isTerminal
  }

  /** Are tokens of JSON to be looked at? */
  get looksAtJson(): boolean {
    return this.colours || this.formats
  }

  /** In this colour, if there are colours. A terminal decides (NO_COLOR, FORCE_COLOR); elsewhere they were asked for. */
  paint(colour: Colour | undefined, text: string): string {
    if (colour === undefined || !this.colours) return text
    return styleText(colour, text, { stream: this.stream, validateStream: this.isTerminal })
  }

  token(token: string, kind: JsonKind): string {
    return this.paint(OF_TOKEN[kind], this.text(token))
  }

  /** Lines of text. What is coloured is meant for a terminal, wherever it goes first. */
  text(text: string): string {
    return this.isTerminal || this.colours ? harmless(text) : text
  }

  /** Text that must stay one line. */
  line(text: string): string {
    return this.isTerminal || this.colours ? harmlessLine(text) : text
  }
}
