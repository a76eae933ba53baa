/**
 * Imported before all else, makes the sources follow the clocks that a test mocks: they take timers and clocks when they are
 * imported (`src/clock.ts`), and so get these, which look for a mocked one each time they are called.
 */
follow(globalThis, 'setTimeout')
follow(globalThis, 'clearTimeout')
follow(performance, 'now')
follow(Date, 'now')

function follow<Name extends string>(owner: Record<Name, (...args: never[]) => unknown>, name: Name): void
function follow(owner: object, name: string): void {
  const real: unknown = Reflect.get(owner, name)
  let within = false
  const follower = (...args: unknown[]): unknown => {
    const current: unknown = Reflect.get(owner, name)
    // A mock may ask what it stands for.
    const target = current === follower || within ? real : current
    const before = within
    within = true
    try {
      return Reflect.apply(target as () => unknown, owner, args)
    } finally {
      within = before
    }
  }
  // What hangs on it, as the form that gives a promise.
  for (const key of Reflect.ownKeys(Object(real))) {
    if (key === 'length' || key === 'name' || key === 'prototype') continue
    Object.defineProperty(follower, key, Object.getOwnPropertyDescriptor(real, key) ?? {})
  }
  Reflect.set(owner, name, follower)
}
