/**
 * What is used of `@opentelemetry/api`. It is looked for when it is needed, beside this package, by a call that bundlers do not take
 * for an import: it is optional. Whichever copy is found, the SDK has registered with all of them.
 */
import { createRequire } from 'node:module'
import { NotSupportedError } from '../../src/errors.ts'

export type Attributes = Readonly<Record<string, string | number | undefined>>

export interface Span {
  setAttribute(name: string, value: string | number): unknown
  addEvent(name: string, attributes?: Attributes): unknown
  setStatus(status: { readonly code: number; readonly message?: string }): unknown
  recordException(error: Error): unknown
  end(): void
}

export interface Counter {
  add(value: number, attributes?: Attributes): void
}

export interface Histogram {
  record(value: number, attributes?: Attributes, context?: unknown): void
}

interface Unit {
  readonly description: string
  readonly unit: string
  readonly advice?: { readonly explicitBucketBoundaries: readonly number[] }
}

export interface Meter {
  createHistogram(name: string, options: Unit): Histogram
  createUpDownCounter(name: string, options: Unit): Counter
  createCounter(name: string, options: Unit): Counter
}

export interface Api {
  readonly trace: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options: { readonly kind: number; readonly attributes: Attributes },
        context: unknown,
      ): Span
    }
    setSpan(context: unknown, span: Span): unknown
  }
  readonly context: { active(): unknown }
  readonly propagation: {
    inject(
      context: unknown,
      carrier: string[],
      setter: { set(carrier: string[], key: string, value: string): void },
    ): void
  }
  readonly metrics: { getMeter(name: string): Meter }
  readonly SpanKind: { readonly CLIENT: number }
  readonly SpanStatusCode: { readonly ERROR: number }
}

/** What ours is called in both. */
export const NAME = 'hyper-transport'

/** Seconds: the boundaries that the conventions advise. */
export const DURATIONS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** @throws {NotSupportedError} */
export function loadApi(): Api {
  // A bundler that makes CommonJS leaves no URL.
  const { url }: { readonly url?: string } = import.meta
  try {
    return createRequire(url ?? `${process.cwd()}/`)('@opentelemetry/api')
  } catch (error) {
    throw new NotSupportedError('instrument() needs the package @opentelemetry/api: npm install @opentelemetry/api', {
      cause: error,
    })
  }
}
