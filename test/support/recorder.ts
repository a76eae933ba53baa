/** A handler of undici's newer form for tests. */
import type { Dispatcher } from 'undici'

/** A handler of the newer form that writes down what it hears. */
export class Recorder implements Dispatcher.DispatchHandler {
  readonly heard: string[] = []
  readonly done: Promise<void>
  controller: Dispatcher.DispatchController | null = null
  status = 0
  statusText: string | undefined
  headers: Record<string, string | string[] | undefined> = {}
  trailers: Record<string, string | string[] | undefined> = {}
  body = ''
  error: (Error & { code?: string }) | undefined
  private settle: () => void = () => {}

  constructor() {
    this.done = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.heard.push('start')
    this.controller = controller
  }

  onResponseStarted(): void {
    this.heard.push('started')
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText?: string,
  ): void {
    this.heard.push(`head ${status}`)
    this.status = status
    this.headers = headers
    this.statusText = statusText
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.heard.at(-1) !== 'data') this.heard.push('data')
    this.body += chunk.toString('latin1')
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: Record<string, string>): void {
    this.heard.push('end')
    this.trailers = trailers
    this.settle()
  }

  onResponseError(controller: Dispatcher.DispatchController | null, error: Error): void {
    this.heard.push(controller === null ? 'refused' : 'error')
    this.error = error
    this.settle()
  }
}
