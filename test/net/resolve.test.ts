import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { test } from 'node:test'
import { LOOKUP_PATIENCE, MAX_DNS_NAMES, MAX_LOOKUPS_BESIDE } from '../../src/limits.ts'
import type { Cancel } from '../../src/net/link.ts'
import { type LookupOptions, type Resolved, Resolver } from '../../src/net/resolve.ts'

const LOOPBACK = [{ address: '127.0.0.1', family: 4 }]

/** A system's resolver that answers when it is told to. */
class FakeSystem {
  readonly asked: string[] = []
  private readonly answers: (() => void)[] = []
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.asked.push(`${host} ${options.family}`)
    this.answers.push(() => {
      if (host.startsWith('bad')) callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), [])
      else callback(null, LOOPBACK)
    })
  }
  answer(): void {
    for (const one of this.answers.splice(0)) one()
  }
}

function resolve(
  resolver: Resolver,
  host: string,
  options: LookupOptions = {},
): Promise<Resolved> & { cancel: Cancel } {
  let cancel: Cancel = () => {}
  const promise = new Promise<Resolved>((done, fail) => {
    let returned = false
    const settle =
      <T>(action: (value: T) => void) =>
      (value: T): void => {
        assert.ok(returned, 'not before resolve() has returned')
        action(value)
      }
    cancel = resolver.resolve(host, options, { done: settle(done), fail: settle(fail) })
    returned = true
  })
  promise.catch(() => {})
  return Object.assign(promise, { cancel })
}

test('an address is not looked up', async () => {
  const system = new FakeSystem()
  const resolver = new Resolver({ system: system.lookup })
  assert.deepEqual((await resolve(resolver, '::1')).addresses, [{ address: '::1', family: 6 }])
  assert.deepEqual((await resolve(resolver, '127.0.0.1')).addresses, LOOPBACK)
  assert.deepEqual(system.asked, [])
})

test('lookups of one name at one time share one query, and its answer is kept for its time', async () => {
  const system = new FakeSystem()
  let now = 1000
  const resolver = new Resolver({ system: system.lookup, cacheTime: 50, clock: () => now })
  const both = [resolve(resolver, 'a.test'), resolve(resolver, 'A.test')]
  system.answer()
  for (const { addresses, cached } of await Promise.all(both)) assert.deepEqual([addresses, cached], [LOOPBACK, false])
  now += 49
  assert.equal((await resolve(resolver, 'a.test')).cached, true)
  assert.equal(system.asked.length, 1)
  now += 1
  const later = resolve(resolver, 'a.test')
  system.answer()
  assert.equal((await later).cached, false)
  assert.deepEqual(system.asked, ['a.test 0', 'a.test 0'])
})

test('answers for one family are not those for another', async () => {
  const system = new FakeSystem()
  const resolver = new Resolver({ system: system.lookup })
  for (const family of [0, 4, 4] as const) {
    const found = resolve(resolver, 'a.test', { family })
    system.answer()
    await found
  }
  assert.deepEqual(system.asked, ['a.test 0', 'a.test 4'])
})

test('a failed lookup is not cached, and fails everybody who waits for it', async () => {
  const system = new FakeSystem()
  const resolver = new Resolver({ system: system.lookup })
  for (let i = 0; i < 2; i++) {
    const both = [resolve(resolver, 'bad.test'), resolve(resolver, 'bad.test')]
    system.answer()
    for (const one of both) await assert.rejects(one, { code: 'ENOTFOUND' })
  }
  assert.equal(system.asked.length, 2)
})

test('who gives up hears nothing, and the query goes on for the others and for the memory', async () => {
  const system = new FakeSystem()
  const resolver = new Resolver({ system: system.lookup })
  const given = resolve(resolver, 'a.test')
  let heard = false
  given.then(() => {
    heard = true
  })
  const kept = resolve(resolver, 'a.test')
  given.cancel()
  system.answer()
  await kept
  assert.equal(heard, false)
  assert.equal((await resolve(resolver, 'a.test')).cached, true)
})

test('a forgotten name is looked up again, and with a cache time of 0 no answer is kept', async () => {
  const ask = async (resolver: Resolver, system: FakeSystem): Promise<boolean> => {
    const found = resolve(resolver, 'a.test')
    system.answer()
    return (await found).cached
  }
  const system = new FakeSystem()
  const resolver = new Resolver({ system: system.lookup })
  await ask(resolver, system)
  resolver.forget('A.test')
  assert.equal(await ask(resolver, system), false)
  resolver.clear()
  assert.equal(await ask(resolver, system), false)
  assert.equal(await ask(resolver, system), true)
  const without = new Resolver({ system: system.lookup, cacheTime: 0 })
  await ask(without, system)
  assert.equal(await ask(without, system), false)
})

test('the oldest name goes when there are too many', async () => {
  const system = new FakeSystem()
  const resolver = new Resolver({ system: system.lookup, clock: () => 0 })
  const all = Array.from({ length: MAX_DNS_NAMES + 1 }, (_, i) => resolve(resolver, `n${i}.test`))
  system.answer()
  await Promise.all(all)
  assert.equal((await resolve(resolver, 'n1.test')).cached, true)
  const first = resolve(resolver, 'n0.test')
  system.answer()
  assert.equal((await first).cached, false)
})

test('a lookup of the caller’s is asked each time, in either form of its answer, even at once', async () => {
  const system = new FakeSystem()
  const resolver = new Resolver({ system: system.lookup })
  let calls = 0
  const list: LookupFunction = (_host, options, callback) => {
    calls++
    assert.equal(options.all, true)
    callback(null, [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ])
  }
  const single: LookupFunction = (_host, _options, callback) => callback(null, '127.0.0.1', 4)
  assert.equal((await resolve(resolver, 'a.test', { lookup: list })).addresses.length, 2)
  assert.equal((await resolve(resolver, 'a.test', { lookup: list })).cached, false)
  assert.equal(calls, 2)
  assert.deepEqual((await resolve(resolver, 'a.test', { lookup: single })).addresses, LOOPBACK)
  assert.deepEqual(system.asked, [])
})

test('of a lookup that answers twice, throws, or answers with something else, one clear outcome comes', async () => {
  const resolver = new Resolver()
  const twice: LookupFunction = (_host, _options, callback) => {
    callback(null, '127.0.0.1', 4)
    callback(new Error('second'), '')
  }
  assert.deepEqual((await resolve(resolver, 'a.test', { lookup: twice })).addresses, LOOPBACK)
  const throws: LookupFunction = () => {
    throw new Error('thrown')
  }
  await assert.rejects(resolve(resolver, 'a.test', { lookup: throws }), { message: 'thrown' })
  const name: LookupFunction = (_host, _options, callback) => callback(null, 'b.test', 4)
  await assert.rejects(resolve(resolver, 'a.test', { lookup: name }), /returned "b\.test", which is not an IP address/)
  const nothing: LookupFunction = (_host, _options, callback) => callback(null, [])
  await assert.rejects(resolve(resolver, 'a.test', { lookup: nothing }), { code: 'ENOTFOUND' })
})

test('a lookup that hangs is repeated in parallel a limited number of times, and not when no dial waits any more', async () => {
  const system = new FakeSystem()
  const timers: { action: () => void; delay: number }[] = []
  const resolver = new Resolver({
    system: system.lookup,
    startTimer: (action, delay) => {
      const timer = { action, delay }
      timers.push(timer)
      return () => timers.splice(timers.indexOf(timer), 1)
    },
  })
  const delays: number[] = []
  const first = resolve(resolver, 'a.test')
  for (let timer = timers.shift(); timer !== undefined; timer = timers.shift()) {
    delays.push(timer.delay)
    timer.action()
  }
  assert.deepEqual(delays, [LOOKUP_PATIENCE, 2 * LOOKUP_PATIENCE, 4 * LOOKUP_PATIENCE])
  assert.equal(system.asked.length, MAX_LOOKUPS_BESIDE + 1)
  system.answer()
  assert.deepEqual((await first).addresses, LOOPBACK)
  const given = resolve(resolver, 'b.test')
  assert.equal(timers.length, 1)
  given.cancel()
  assert.equal(timers.length, 0)
  resolve(resolver, 'b.test')
  assert.equal(system.asked.filter((one) => one.startsWith('b.test')).length, 2)
})

test('what is forgotten is the answer that led nowhere, and not one that has come since', async () => {
  const system = new FakeSystem()
  const resolver = new Resolver({ system: system.lookup })
  const ask = async (): Promise<Resolved> => {
    const found = resolve(resolver, 'a.test')
    system.answer()
    return found
  }
  const { addresses } = await ask()
  resolver.forget('a.test', addresses)
  assert.equal((await ask()).cached, false)
  resolver.forget('a.test', addresses)
  assert.equal((await ask()).cached, true)
})
