import { encodeCanonical } from '../../crdt/cbor.ts'
import { deviceTag } from '../../crdt/device.ts'
import { sha256 } from '../../crdt/hash.ts'
import type { DeviceOfLog } from '../../crdt/stamps.ts'
import type { Sql } from './sql.ts'

export interface LogRow {
  readonly ref: number
  readonly space: number
  readonly device: Uint8Array
  readonly incarnation: Uint8Array
  readonly head_seq: number
  readonly head_hash: Uint8Array
}

/** The logs this vault knows. */
export class Logs {
  readonly #sql: Sql
  readonly #devices = new Map<number, { tag: Uint8Array; device: Uint8Array }>()

  constructor(sql: Sql) {
    this.#sql = sql
  }

  list(space: number): LogRow[] {
    return this.#sql.all<LogRow>('SELECT * FROM logs WHERE space = ? ORDER BY ref', [space])
  }

  readonly deviceOf: DeviceOfLog = (ref) => {
    let found = this.#devices.get(ref)
    if (!found) {
      const row = this.#sql.get<{ device: Uint8Array }>('SELECT device FROM logs WHERE ref = ?', [ref])
      if (!row) throw new Error('a stamp of an unknown log')
      found = { tag: deviceTag(row.device), device: row.device }
      this.#devices.set(ref, found)
    }
    return found
  }

  /** Hex SHA-256 over every log's (device, incarnation, head): equal on two devices that hold the same operations. */
  frontierDigest(space: number): string {
    const heads = this.list(space)
      .map(({ device, incarnation, head_seq, head_hash }) =>
        Buffer.from(encodeCanonical([device, incarnation, head_seq, head_hash])),
      )
      .sort(Buffer.compare)
    return Buffer.from(sha256(encodeCanonical(heads))).toString('hex')
  }
}
