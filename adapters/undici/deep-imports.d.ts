/** Types of the parts of undici that are imported by path: see internals.ts for why. */
declare module 'undici/lib/dispatcher/dispatcher.js' {
  const Dispatcher: typeof import('undici').Dispatcher
  export default Dispatcher
}
declare module 'undici/lib/dispatcher/dispatcher1-wrapper.js' {
  const Dispatcher1Wrapper: { wrapHandler(handler: object): import('undici').Dispatcher.DispatchHandler }
  export default Dispatcher1Wrapper
}
declare module 'undici/lib/core/errors.js' {
  const errors: typeof import('undici').errors
  export default errors
}
declare module 'undici/lib/api/index.js' {
  const api: Pick<import('undici').Dispatcher, 'request' | 'stream' | 'pipeline' | 'connect' | 'upgrade'>
  export default api
}
declare module 'undici/lib/core/symbols.js' {
  const symbols: Readonly<Record<'kClients' | 'kUrl' | 'kDispatch', symbol>>
  export default symbols
}
