/** Plays clients against a server: each in a process of its own, in turns A B A B, so that noise falls on all alike. */
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Result, Turn } from './contract.ts'

/** Where a client goes. */
export interface Place {
  readonly origin: string
  readonly caFile: string
}

export interface Target extends Place {
  readonly name: string
  /** Does it speak HTTP/1.1 as well? */
  readonly http1: boolean
  readonly small: { readonly path: string; readonly octets: number }
  readonly large: { readonly path: string; readonly octets: number }
}

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url))

class Player {
  private readonly child: ChildProcess

  constructor(child: ChildProcess) {
    this.child = child
  }

  static async start(client: string, target: Place): Promise<Player> {
    const player = new Player(fork(worker, [client, target.origin, target.caFile], { stdio: 'inherit' }))
    await player.answer()
    return player
  }

  play(turn: Turn): Promise<Result> {
    this.child.send(turn)
    return this.answer() as Promise<Result>
  }

  async end(): Promise<void> {
    const exited = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.send('end')
    const forced = setTimeout(() => this.child.kill('SIGKILL'), 3000)
    await exited
    clearTimeout(forced)
  }

  private answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`a client process ended with ${code}`))
      this.child.once('exit', onExit)
      this.child.once('message', (message) => {
        this.child.off('exit', onExit)
        resolve(message)
      })
    })
  }
}

/**
 * Each client's results over the rounds, in the order they were played. `target` may differ from client to client.
 * @param warmUp seconds of each client's first turn, which is not counted.
 */
export async function playRounds(
  names: readonly string[],
  target: Place | ((name: string) => Place),
  turn: Turn,
  rounds: number,
  warmUp = turn.seconds,
): Promise<Map<string, Result[]>> {
  const players = new Map<string, Player>()
  const results = new Map<string, Result[]>()
  for (const name of names) {
    players.set(name, await Player.start(name, typeof target === 'function' ? target(name) : target))
    results.set(name, [])
  }
  for (let round = 0; round <= rounds; round++) {
    for (const [name, player] of players) {
      const result = await player.play(round > 0 ? turn : { ...turn, seconds: warmUp })
      if (round > 0) results.get(name)?.push(result)
    }
  }
  for (const player of players.values()) await player.end()
  return results
}

/** h2load's requests a second for the same work; undefined when it is not installed. */
export async function h2load(target: Target, turn: Turn, requests: number): Promise<number | undefined> {
  try {
    const args = [
      '-n',
      String(requests),
      '-c',
      '1',
      '-m',
      String(turn.inFlight),
      '-t',
      '1',
      `${target.origin}${turn.path}`,
    ]
    const { stdout } = await promisify(execFile)('h2load', args)
    const found = /, ([\d.]+) req\/s/.exec(stdout)
    return found === null ? undefined : Number(found[1])
  } catch {
    return undefined
  }
}
