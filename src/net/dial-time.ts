/**
 * The time of one dial: of the whole, and of the phase that it is in. A phase ends when the next begins.
 */
import { dateNow, performanceNow } from '../clock.ts'
import type { ConnectPhase } from '../errors.ts'
import { REVISABLE_SHARE } from '../limits.ts'
import type { Cancel, ConnectStep } from './link.ts'
import type { ConnectorSettings, ConnectTimings } from './options.ts'
import { deadline } from './timer.ts'

/** The limit of each phase's own. */
const PHASE_TIMEOUT: Readonly<Record<ConnectPhase, keyof ConnectorSettings | undefined>> = {
  dns: 'lookupTimeout',
  tcp: 'tcpTimeout',
  proxy: 'proxyTimeout',
  tls: 'tlsTimeout',
  preface: undefined,
}

export class DialTime {
  phase: ConnectPhase = 'dns'
  readonly timings = newTimings()
  private readonly timeout: number
  private readonly settings: ConnectorSettings
  private readonly onPhaseOver: (timeout: number) => void
  private readonly begun = performanceNow()
  private readonly stopTimer: Cancel
  private stopPhaseTimer: Cancel | undefined
  private over = false

  /**
   * @param timeout milliseconds for all of it, 0 = no limit.
   * @param settings with the limits of the phases.
   * @param onOver is called when there is no time left.
   * @param onPhaseOver is called when the phase has had its time: so many milliseconds.
   */
  constructor(
    timeout: number,
    settings: ConnectorSettings,
    onOver: (timeout: number) => void,
    onPhaseOver: (timeout: number) => void,
  ) {
    this.timeout = timeout
    this.settings = settings
    this.onPhaseOver = onPhaseOver
    this.stopTimer = deadline(timeout, () => onOver(timeout))
  }

  enter(phase: ConnectPhase): void {
    this.phase = phase
    this.stopPhaseTimer?.()
    const timeout = this.phaseTimeout
    if (timeout !== undefined) this.limitPhase(timeout)
  }

  /** The phase may be tried in another way: it leaves time for that. */
  leaveTime(): void {
    if (this.timeout <= 0) return
    const share = Math.ceil((this.timeout - (performanceNow() - this.begun)) * REVISABLE_SHARE)
    const own = this.phaseTimeout ?? 0
    this.limitPhase(Math.max(1, own > 0 ? Math.min(own, share) : share))
  }

  /** A step was done. */
  mark(step: ConnectStep): void {
    const { timings } = this
    if (step.step === 'lookup') timings.lookup = dateNow()
    else if (step.step === 'connected') timings.connect = dateNow()
    else if (step.step === 'proxy') timings.proxy = dateNow()
    else if (step.step === 'secure' && step.peer === 'origin') timings.secureConnect = dateNow()
  }

  stop(): void {
    this.over = true
    this.stopTimer()
    this.stopPhaseTimer?.()
  }

  private get phaseTimeout(): number | undefined {
    const name = PHASE_TIMEOUT[this.phase]
    return name === undefined ? undefined : this.settings[name]
  }

  private limitPhase(timeout: number): void {
    this.stopPhaseTimer?.()
    if (!this.over) this.stopPhaseTimer = deadline(timeout, () => this.onPhaseOver(timeout))
  }
}

/** Of a dial that begins now. */
export function newTimings(): ConnectTimings {
  return { start: dateNow(), lookup: undefined, connect: undefined, proxy: undefined, secureConnect: undefined }
}
