/** Fields as undici's older handlers and its diagnostics have them: Buffers, name and value in turn. */
import type { FieldList } from '../../src/headers/fields.ts'

/** Names repeat: their bytes are made once. Nobody writes into them. */
const nameBytes = new Map<string, Buffer>()
const maxNames = 512

export function toBuffers(fields: FieldList): Buffer[] {
  const buffers = new Array<Buffer>(fields.length)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    let bytes = nameBytes.get(name)
    if (bytes === undefined) {
      bytes = Buffer.from(name, 'latin1')
      if (nameBytes.size < maxNames) nameBytes.set(name, bytes)
    }
    buffers[i] = bytes
    buffers[i + 1] = Buffer.from(fields[i + 1], 'latin1')
  }
  return buffers
}
