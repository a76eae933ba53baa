/** The dispatcher of Node's own fetch, and of undici where a program has it. */
import type { Dispatcher } from 'undici'
import { HyperDispatcher } from '../undici/dispatchers.ts'

/** Where the undici in Node 20 to 24, and undici 6 and 7, look for their dispatcher; and that in Node 26, and undici 8. */
const SLOTS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')]

/** The first undici that takes the handlers of all later ones. */
const TAKES_ALL = 7

class RegisteredDispatcher extends HyperDispatcher {
  private readonly isExcepted: (origin: string) => boolean
  private readonly before: Dispatcher

  constructor(isExcepted: (origin: string) => boolean, before: Dispatcher) {
    super()
    this.isExcepted = isExcepted
    this.before = before
  }

  override dispatch(...given: Parameters<Dispatcher['dispatch']>): boolean {
    const { origin } = given[0]
    if (origin !== undefined && this.isExcepted(String(origin))) return this.before.dispatch(...given)
    return super.dispatch(...given)
  }
}

/** @returns what puts back the dispatcher of before, unless somebody has set another meanwhile. */
export function replaceDispatcher(isExcepted: ((origin: string) => boolean) | undefined): () => void {
  // Whom excepted hosts are left to; otherwise Node's undici is loaded when somebody needs it.
  if (isExcepted !== undefined) loadNodes()
  const undo = SLOTS.map((slot) => {
    const before = dispatcherOf(Reflect.get(globalThis, slot))
    const ours =
      isExcepted === undefined ? new HyperDispatcher() : new RegisteredDispatcher(isExcepted, before ?? standIn())
    set(slot, ours)
    return () => {
      if (Reflect.get(globalThis, slot) === ours) set(slot, before)
    }
  })
  return () => {
    for (const one of undo) one()
    loadNodes()
    // An undici that is loaded already looks for no dispatcher a second time: it must find one.
    for (const slot of SLOTS) if (Reflect.get(globalThis, slot) === undefined) set(slot, standIn())
  }
}

/** Node loads its undici when a class of fetch is first named; that sets its dispatcher, where there is none. */
function loadNodes(): void {
  void globalThis.Response
}

/** For an undici that was not there before us, and may be now. */
function standIn(): Dispatcher {
  const nodes: unknown = Reflect.get(globalThis, SLOTS[0])
  const major = Number(process.versions['undici']?.split('.')[0])
  return (major >= TAKES_ALL ? dispatcherOf(nodes) : undefined) ?? new HyperDispatcher({ allowH2: false })
}

function dispatcherOf(value: unknown): Dispatcher | undefined {
  return typeof Reflect.get(Object(value), 'dispatch') === 'function' ? (value as Dispatcher) : undefined
}

function set(slot: symbol, value: Dispatcher | undefined): void {
  // As undici itself does it.
  Object.defineProperty(globalThis, slot, { value, writable: true, enumerable: false, configurable: false })
}
