/**
 * Chromium without a window, by its DevTools protocol over Node's own WebSocket: as much of it as the site's test asks.
 *
 * https://chromedevtools.github.io/devtools-protocol/
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
/** Milliseconds that the browser, and whatever it is asked for, may take. */
const PATIENCE = 20_000

/** The browser's program; undefined where none is installed. */
export function findBrowser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isProgram)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}

interface Waiting {
  resolve(result: Readonly<Record<string, unknown>>): void
  reject(error: Error): void
}

export class Browser implements AsyncDisposable {
  /** What a page complained of, since the last look: exceptions, errors on the console, files that did not come. */
  readonly complaints: string[] = []
  private readonly child: ChildProcess
  private readonly profile: string
  private readonly socket: WebSocket
  private readonly waiting = new Map<number, Waiting>()
  private readonly listeners = new Set<(method: string) => void>()
  private last = 0
  private session = ''

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.child = child
    this.profile = profile
    this.socket = socket
    socket.addEventListener('message', ({ data }) => this.receive(JSON.parse(String(data))))
    socket.addEventListener('close', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the browser has gone'))
    })
  }

  static async start(program: string): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), 'browser-'))
    const args = [
      '--headless',
      '--disable-gpu',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
    ]
    // Root may not have the sandbox. It sees our own pages alone.
    const child = spawn(program, [...args, '--no-sandbox', 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] })
    const address = await within('the browser to start', addressOf(child))
    const socket = new WebSocket(address)
    await within(
      'the browser to answer',
      new Promise((resolve, reject) => {
        socket.addEventListener('open', resolve)
        socket.addEventListener('error', () => reject(new Error('the browser does not answer')))
      }),
    )
    const browser = new Browser(child, profile, socket)
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true })
    browser.session = String(sessionId)
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await browser.send(`${domain}.enable`)
    return browser
  }

  /** Goes there, and waits until it is loaded. */
  async open(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      const listener = (method: string): void => {
        if (method !== 'Page.loadEventFired') return
        this.listeners.delete(listener)
        resolve()
      }
      this.listeners.add(listener)
    })
    await this.send('Page.navigate', { url })
    await within(`${url} to load`, loaded)
  }

  /** The value of an expression, which is awaited, in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const options = { expression, awaitPromise: true, returnByValue: true, userGesture: true }
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', options)
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return (result as { readonly value?: unknown }).value
  }

  /** The first value of an expression that is neither empty, false nor undefined. */
  async until(expression: string): Promise<unknown> {
    const end = Date.now() + PATIENCE
    for (;;) {
      const value = await this.evaluate(expression)
      if (Array.isArray(value) ? value.length > 0 : Boolean(value)) return value
      if (Date.now() > end) throw new Error(`it was not within ${PATIENCE} ms: ${expression}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Types into what has the focus. */
  async type(text: string): Promise<void> {
    await this.send('Input.insertText', { text })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve))
    this.socket.close()
    this.child.kill('SIGKILL')
    await gone
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 })
  }

  private send(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.last
    const answer = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
    })
    this.socket.send(
      JSON.stringify({ id, method, params, ...(this.session === '' ? {} : { sessionId: this.session }) }),
    )
    return within(method, answer)
  }

  private receive({ id, method, params = {}, result = {}, error }: Message): void {
    if (id !== undefined) {
      const waiting = this.waiting.get(id)
      this.waiting.delete(id)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(new Error(error.message))
      return
    }
    if (method === undefined) return
    if (isComplaint(method, params)) this.complaints.push(`${method}: ${JSON.stringify(params)}`)
    for (const listener of this.listeners) listener(method)
  }
}

function isComplaint(method: string, params: Readonly<Record<string, unknown>>): boolean {
  if (method === 'Log.entryAdded') return (params['entry'] as { readonly level: string }).level === 'error'
  if (method === 'Runtime.consoleAPICalled') return params['type'] === 'error'
  // What a page was left in the midst of is cancelled.
  if (method === 'Network.loadingFailed') return params['canceled'] !== true
  return method === 'Runtime.exceptionThrown'
}

/** What the browser writes once it listens. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`the browser has ended: ${said}`)))
    child.stderr?.on('data', (piece: Buffer) => {
      said += piece
      const address = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
      if (address !== undefined) resolve(address)
    })
  })
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${PATIENCE} ms for ${what}`)), PATIENCE)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
