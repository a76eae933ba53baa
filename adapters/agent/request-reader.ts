/**
 * Reads the HTTP/1.1 text that node:http's ClientRequest writes. It is Node's own serialisation, checked by Node before it
 * was written, and our serialiser checks the fields again; so what cannot be read is a fault of ours, not of a peer's.
 */

/** What a request's text says, in order. */
export interface RequestSink {
  onRequestHead(method: string, target: string, headers: string[]): void
  /** A piece of the body; `taken` is called when the next one may come. */
  onRequestBody(chunk: Uint8Array, taken: (error?: Error | null) => void): void
  /** The body is complete; trailers as a flat list. */
  onRequestEnd(trailers: string[]): void
}

type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers' | 'done'

export class RequestReader {
  private readonly sink: RequestSink
  private state: State = 'head'
  private text = ''
  /** Octets of the body, or of the current chunk, still to come. */
  private left = 0

  constructor(sink: RequestSink) {
    this.sink = sink
  }

  /** The request is complete. */
  get done(): boolean {
    return this.state === 'done'
  }

  /**
   * @param taken is called when more may come, or with an error.
   */
  write(octets: Buffer, taken: (error?: Error | null) => void): void {
    let at = 0
    while (at < octets.length && this.state !== 'done') {
      if (this.state === 'length' || this.state === 'chunk-data') {
        const end = Math.min(octets.length, at + this.left)
        const chunk = octets.subarray(at, end)
        this.left -= chunk.length
        at = end
        const complete = this.state === 'length' && this.left === 0
        if (this.left === 0) this.state = complete ? 'done' : 'chunk-end'
        const rest = octets.subarray(at)
        // The rest waits until this piece was taken.
        this.sink.onRequestBody(chunk, (error) => {
          if (error) taken(error)
          else this.write(rest, taken)
        })
        if (complete) this.sink.onRequestEnd([])
        return
      }
      at = this.readText(octets, at)
    }
    taken()
  }

  private readText(octets: Buffer, from: number): number {
    const ending = this.state === 'head' ? '\r\n\r\n' : '\r\n'
    const before = this.text.length
    this.text += octets.toString('latin1', from)
    const end = this.text.indexOf(ending)
    if (end === -1) return octets.length
    const line = this.text.slice(0, end)
    this.text = ''
    this.take(line)
    return from + end + ending.length - before
  }

  private take(text: string): void {
    switch (this.state) {
      case 'head':
        this.takeHead(text)
        break
      case 'chunk-size':
        this.left = Number.parseInt(text, 16)
        this.state = this.left === 0 ? 'trailers' : 'chunk-data'
        break
      case 'chunk-end':
        this.state = 'chunk-size'
        break
      default:
        this.takeTrailer(text)
    }
  }

  private takeHead(text: string): void {
    const [requestLine, ...lines] = text.split('\r\n')
    const first = requestLine.indexOf(' ')
    const last = requestLine.lastIndexOf(' ')
    const headers = lines.flatMap(fieldOf)
    let chunked = false
    let length = 0
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i].toLowerCase()
      if (name === 'transfer-encoding') chunked = /chunked/i.test(headers[i + 1])
      else if (name === 'content-length') length = Number(headers[i + 1])
    }
    this.left = length
    this.state = chunked ? 'chunk-size' : length > 0 ? 'length' : 'done'
    this.sink.onRequestHead(requestLine.slice(0, first), requestLine.slice(first + 1, last), headers)
    if (this.done) this.sink.onRequestEnd([])
  }

  private readonly trailers: string[] = []

  private takeTrailer(line: string): void {
    if (line !== '') {
      this.trailers.push(...fieldOf(line))
      return
    }
    this.state = 'done'
    this.sink.onRequestEnd(this.trailers)
  }
}

function fieldOf(line: string): string[] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}
