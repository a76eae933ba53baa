/** SETTINGS between the two sides: ours count once they are acknowledged, the peer's at once (RFC 9113 section 6.5.3). */
import { Flag, Setting } from '../frame/codes.ts'
import type { FrameReader } from '../frame/reader.ts'
import { STREAM_WINDOW } from '../limits.ts'
import type { Core } from './core.ts'
import { protocolError, sizeError, windowError } from './faults.ts'
import type { ReceiveWindows } from './receive-windows.ts'
import type { SendQueue } from './send-queue.ts'
import { applySetting, parseSettings, type SettingEntry, settingEntries } from './settings.ts'
import { PeerState } from './states.ts'

export class SettingsExchange {
  private readonly core: Core
  private readonly queue: SendQueue
  private readonly windows: ReceiveWindows
  private readonly reader: FrameReader
  /** Sent and not acknowledged, one list a frame, in order. */
  private readonly unacknowledged: SettingEntry[][] = []

  constructor(core: Core, queue: SendQueue, windows: ReceiveWindows, reader: FrameReader) {
    this.core = core
    this.queue = queue
    this.windows = windows
    this.reader = reader
  }

  /** What our first SETTINGS frame says. */
  first(): SettingEntry[] {
    const { options, role, maxRemote } = this.core
    const server = role === 'server'
    const push = !server && options.enablePush === true
    return settingEntries({
      initialWindowSize: options.streamWindow ?? STREAM_WINDOW,
      maxHeaderListSize: this.core.maxHeaderListSize,
      noRfc7540Priorities: true,
      ...(server ? {} : { enablePush: push }),
      ...(server || push ? { maxConcurrentStreams: maxRemote } : {}),
      ...(server && options.enableConnectProtocol === true ? { enableConnectProtocol: true } : {}),
    })
  }

  send(entries: SettingEntry[]): void {
    this.core.writer.settings(entries)
    this.unacknowledged.push(entries)
    for (const [id, value] of entries) if (id === Setting.INITIAL_WINDOW_SIZE) this.windows.announceInitial(value)
    this.core.announce()
  }

  /** @throws {ConnectionFault} when one of them is not allowed. */
  apply(entries: readonly SettingEntry[]): void {
    for (const [id, value] of entries) this.applyOne(id, value)
  }

  onFrame(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('SETTINGS on a stream')
    if ((flags & Flag.ACK) !== 0) {
      if (end !== start) throw sizeError('SETTINGS acknowledgement with a payload')
      this.onAcknowledgement()
      return
    }
    const { core } = this
    this.core.budgets.spend('settings')
    const entries = parseSettings(buffer, start, end)
    core.advancePeer(PeerState.OPEN)
    this.apply(entries)
    core.writer.settingsAck()
    core.announceReply()
    core.listener.onSettings(core.remoteSettings)
  }

  private applyOne(id: number, value: number): void {
    const { remoteSettings, role, streams } = this.core
    if (id === Setting.ENABLE_PUSH && value === 1 && role === 'client') {
      throw protocolError('a server may not enable push')
    }
    const { initialWindowSize: before, enableConnectProtocol } = remoteSettings
    applySetting(remoteSettings, id, value)
    if (id === Setting.HEADER_TABLE_SIZE) this.core.encoder.setMaxTableSize(value)
    if (id === Setting.ENABLE_CONNECT_PROTOCOL && enableConnectProtocol && value === 0) {
      throw protocolError('extended CONNECT cannot be taken back')
    }
    if (id !== Setting.INITIAL_WINDOW_SIZE || value === before) return
    for (const stream of streams.all()) {
      if (!this.queue.growStream(stream, value - before)) throw windowError('SETTINGS made a window overflow')
    }
  }

  /** Our oldest unacknowledged settings take effect. */
  private onAcknowledgement(): void {
    const { listener, localSettings, streams } = this.core
    const entries = this.unacknowledged.shift()
    if (entries === undefined) throw protocolError('an acknowledgement of settings that were not sent')
    const before = localSettings.initialWindowSize
    for (const [id, value] of entries) {
      applySetting(localSettings, id, value)
      if (id === Setting.HEADER_TABLE_SIZE) this.core.decoder.setMaxTableSize(value)
      if (id === Setting.MAX_FRAME_SIZE) this.reader.maxFrameSize = value
    }
    const delta = localSettings.initialWindowSize - before
    if (delta !== 0) {
      for (const stream of streams.all()) {
        stream.receiveWindow += delta
        stream.windowTarget += delta
        // What was dealt with before may be enough to be returned now: nothing else would make it be looked at again.
        this.windows.consume(stream, 0)
      }
    }
    listener.onSettingsAcknowledged?.(localSettings)
  }
}
