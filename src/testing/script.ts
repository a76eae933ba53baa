/** The script of a test origin: its answers. */
import { InvalidArgumentError } from '../errors.ts'
import { ErrorCode } from '../frame/codes.ts'
import { type FieldList, type FieldsInit, flattenFields } from '../headers/fields.ts'
import { FieldKind, fieldName, isFieldValue } from '../headers/names.ts'
import { refuseUnknown } from '../option-names.ts'
import type { TestRequest } from './record.ts'

/** One answer. Of `refuse`, `silence`, `resetAfter`, `cutAfter` and `stallAfter` at most one. */
export interface Answer {
  /** Default 200. */
  readonly status?: number | undefined
  /**
   * Fields of the response. Default: none. A content-length is sent as it is: one that the body does not keep to is a fault that
   * the client should see. Those of the connection (`connection`, `transfer-encoding` and so on) go over HTTP/1.1 alone.
   */
  readonly headers?: FieldsInit | undefined
  /** The body. Default: empty. */
  readonly body?: string | Uint8Array | undefined
  /** The body as JSON, with its content-type. */
  readonly json?: unknown
  /** The trailer section. Default: none. */
  readonly trailers?: FieldsInit | undefined
  /** Informational responses before it. */
  readonly early?: readonly { readonly status: number; readonly headers?: FieldsInit | undefined }[] | undefined
  /** Pushes before it, by path (HTTP/2; not told to clients that take none). */
  readonly push?: Readonly<Record<string, Answer>> | undefined
  /** Milliseconds before its first octet. */
  readonly delay?: number | undefined
  /** Nothing was done: REFUSED_STREAM. Over HTTP/1.1 the connection ends without a word. */
  readonly refuse?: boolean | undefined
  /** Never answered; the connection goes on. */
  readonly silence?: boolean | undefined
  /** After so many octets of the body RST_STREAM with `code`. Over HTTP/1.1 the connection is reset. */
  readonly resetAfter?: number | undefined
  /** Of `resetAfter`: a name of RFC 9113 section 7, or a number. Default INTERNAL_ERROR. */
  readonly code?: keyof typeof ErrorCode | number | undefined
  /** After so many octets of the body the connection ends, by FIN. */
  readonly cutAfter?: number | undefined
  /** After so many octets of the body nothing more comes. */
  readonly stallAfter?: number | undefined
  /**
   * The request's body is not read: the windows that the client may send into fill up. Over HTTP/1.1 the answer is the last one
   * of its connection, as the next request would come behind the body.
   */
  readonly unread?: boolean | undefined
  /** GOAWAY before it: this request is the last one of its connection. Over HTTP/1.1 `connection: close`. */
  readonly goaway?: boolean | undefined
}

/** An answer; several, one after the other, the last of them again and again; or a function that makes one of a request. */
export type Script = Answer | readonly Answer[] | ((request: TestRequest) => Answer | Promise<Answer>)

/** How an answer ends. */
export type Ending = 'whole' | 'refuse' | 'silence' | 'reset' | 'cut' | 'stall'

/** An answer, read. */
export interface Plan {
  readonly status: number
  readonly fields: FieldList
  readonly body: Uint8Array
  readonly trailers: FieldList
  readonly early: readonly { readonly status: number; readonly fields: FieldList }[]
  readonly push: readonly (readonly [path: string, plan: Plan])[]
  readonly delay: number
  readonly ending: Ending
  /** Octets of the body before that. */
  readonly after: number
  readonly code: number
  readonly unread: boolean
  readonly goaway: boolean
}

const ENDINGS = {
  refuse: 'refuse',
  silence: 'silence',
  resetAfter: 'reset',
  cutAfter: 'cut',
  stallAfter: 'stall',
} as const

const NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(ENDINGS),
  ...['status', 'headers', 'body', 'json', 'trailers', 'early', 'push', 'delay', 'code', 'unread', 'goaway'],
])

/** @throws {InvalidArgumentError} naming what cannot be carried out. */
export function readAnswer(answer: Answer): Plan {
  if (typeof answer !== 'object' || answer === null) throw new InvalidArgumentError('An answer must be an object')
  refuseUnknown(answer, NAMES)
  const { status = 200, body, json, delay = 0, code = 'INTERNAL_ERROR' } = answer
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new InvalidArgumentError(`status must be from 200 to 599, not ${status}: give 1xx responses as early`)
  }
  if (body !== undefined && json !== undefined) throw new InvalidArgumentError('An answer has a body or json, not both')
  if (!(delay >= 0 && delay <= 0x7fff_ffff)) throw new InvalidArgumentError(`delay must be milliseconds, not ${delay}`)
  const endings = Object.entries(ENDINGS).filter(([name]) => {
    const value: unknown = Reflect.get(answer, name)
    return value !== undefined && value !== false
  })
  if (endings.length > 1)
    throw new InvalidArgumentError(
      `An answer can end in only one way, by ${endings.map(([name]) => name).join(' or ')}`,
    )
  const [[name, ending]] = endings.length === 0 ? ([['', 'whole']] as const) : endings
  const after: unknown = Reflect.get(answer, name) ?? 0
  if (name.endsWith('After') && !(Number.isSafeInteger(after) && Number(after) >= 0)) {
    throw new InvalidArgumentError(`${name} must be a number of octets, not ${String(after)}`)
  }
  const octets = json === undefined ? body : JSON.stringify(json)
  const fields = readFields(answer.headers)
  if (json !== undefined && !fields.some((one, i) => i % 2 === 0 && one.toLowerCase() === 'content-type')) {
    fields.push('content-type', 'application/json')
  }
  return {
    status,
    fields,
    body: typeof octets === 'string' ? Buffer.from(octets) : (octets ?? new Uint8Array(0)),
    trailers: readTrailers(answer.trailers),
    early: (answer.early ?? []).map((one) => ({ status: readEarly(one.status), fields: readFields(one.headers) })),
    push: Object.entries(answer.push ?? {}).map(([path, pushed]) => [path, readAnswer(pushed)]),
    delay,
    ending,
    after: typeof after === 'number' ? after : 0,
    code: codeOf(code),
    unread: answer.unread === true,
    goaway: answer.goaway === true,
  }
}

/** A copy, checked. */
function readFields(init: FieldsInit | undefined): string[] {
  const fields = [...flattenFields(init)]
  for (let i = 0; i < fields.length; i += 2) {
    const { kind } = fieldName(fields[i])
    if (kind === FieldKind.PSEUDO || kind === FieldKind.INVALID) {
      throw new InvalidArgumentError(`${JSON.stringify(fields[i])} is not the name of a field`)
    }
    if (!isFieldValue(fields[i + 1])) {
      throw new InvalidArgumentError(`The value of ${fields[i]} has a character that may be in none`)
    }
  }
  return fields
}

function readTrailers(init: FieldsInit | undefined): FieldList {
  const fields = readFields(init)
  const wrong = fields.find((name, i) => i % 2 === 0 && fieldName(name).kind !== FieldKind.PLAIN)
  if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} may not be sent as a trailer`)
  return fields
}

function readEarly(status: number): number {
  if (Number.isInteger(status) && status >= 100 && status <= 199 && status !== 101) return status
  throw new InvalidArgumentError(`An early response has a status from 100 to 199, but not 101: ${status} is none`)
}

function codeOf(code: string | number): number {
  if (typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 0xffff_ffff) return code
  const known: unknown =
    typeof code === 'string' && Object.hasOwn(ErrorCode, code) ? Reflect.get(ErrorCode, code) : undefined
  if (typeof known === 'number') return known
  throw new InvalidArgumentError(`code must be a name of RFC 9113 section 7, or a number, not ${String(code)}`)
}

/** What a request gets whose script failed: the test hears of that by itself, and its client does not wait for ever. */
export function failedScript(request: TestRequest, thrown: unknown): Plan {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return readAnswer({ status: 500, body: `the script of ${request.method} ${request.path} failed: ${message}` })
}

/** Answers by route, and those that go before them, in order. */
export class Scripts {
  private readonly routes = new Map<string, (request: TestRequest) => Plan | Promise<Plan>>()
  private next: Plan[] = []

  /** @param route `/path`, `METHOD /path`, or `*` for all that has none. */
  set(route: string, script: Script): void {
    if (!/^(?:\*|(?:[A-Z]+ )?\/\S*)$/.test(route)) {
      throw new InvalidArgumentError(`A route is /path, METHOD /path or *, not ${JSON.stringify(route)}`)
    }
    if (typeof script === 'function') {
      this.routes.set(route, async (request) => readAnswer(await script(request)))
      return
    }
    const plans = (Array.isArray(script) ? script : [script]).map(readAnswer)
    let at = 0
    const last = plans.at(-1)
    if (last === undefined) throw new InvalidArgumentError('A script needs at least one answer')
    this.routes.set(route, () => plans[at++] ?? last)
  }

  add(answers: readonly Answer[]): void {
    this.next.push(...answers.map(readAnswer))
  }

  clear(): void {
    this.routes.clear()
    this.next = []
  }

  find(request: TestRequest): Plan | Promise<Plan> {
    const next = this.next.shift()
    if (next !== undefined) return next
    const [path] = request.path.split('?', 1)
    const { routes } = this
    const route = routes.get(`${request.method} ${path}`) ?? routes.get(path) ?? routes.get('*')
    return route?.(request) ?? readAnswer({ status: 404, body: `no answer for ${request.method} ${path}` })
  }
}
