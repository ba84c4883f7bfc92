import { deviceTag } from '../../crdt/device.ts'
import { type Frontier, frontierDigest, type LogPosition } from '../../crdt/frontier.ts'
import { GENESIS_HASH } from '../../crdt/log.ts'
import type { DeviceOfLog } from '../../crdt/stamps.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Sql } from './sql.ts'

export interface LogRow {
  readonly ref: number
  readonly space: number
  readonly device: Uint8Array
  readonly incarnation: Uint8Array
  readonly head_seq: number
  readonly head_hash: Uint8Array
  /** Of a branch: the incarnation it is chained under; `incarnation` is the branch's name. */
  readonly origin: Uint8Array | null
  /** Of a branch: the log with the operation before `start`, its first. */
  readonly parent: number | null
  readonly start: number
  /** Its stamps are doubted: nobody is told of it. The log it was begun after. */
  readonly suspect: number | null
}

const NONE: ReadonlySet<number> = new Set()

/** The logs this vault knows. */
export class Logs {
  readonly #sql: Sql
  readonly #devices = new Map<number, { tag: Uint8Array; device: Uint8Array }>()

  /** Of these, the ones that are no part of a frontier. */
  surplus: (logs: readonly LogRow[]) => ReadonlySet<number> = () => NONE

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
      if (!row) throw new VivimError('Corrupt', 'A row names a log that is not here.')
      found = { tag: deviceTag(row.device), device: row.device }
      this.#devices.set(ref, found)
    }
    return found
  }

  /** After a rollback: numbers of logs that were taken back are given again. */
  reload(): void {
    this.#devices.clear()
  }

  at(ref: number): LogRow | undefined {
    return this.#sql.get<LogRow>('SELECT * FROM logs WHERE ref = ?', [ref])
  }

  find(
    space: number,
    { device, incarnation }: Pick<LogPosition, 'device' | 'incarnation'>,
  ): LogRow | undefined {
    return this.#sql.get<LogRow>('SELECT * FROM logs WHERE space = ? AND device = ? AND incarnation = ?', [
      space,
      device,
      incarnation,
    ])
  }

  /** An empty log; answers this database's number of it. */
  add(space: number, { device, incarnation }: Pick<LogPosition, 'device' | 'incarnation'>): number {
    this.#sql.run(
      'INSERT INTO logs (space, device, incarnation, head_seq, head_hash) VALUES (?, ?, ?, 0, ?)',
      [space, device, incarnation, GENESIS_HASH],
    )
    return this.find(space, { device, incarnation })!.ref
  }

  advance(ref: number, sequence: number, hash: Uint8Array): void {
    this.#sql.run('UPDATE logs SET head_seq = ?, head_hash = ? WHERE ref = ?', [sequence, hash, ref])
  }

  /** The heads of all logs that hold something; a branch counts from its first operation. */
  frontier(space: number): Frontier {
    const logs = this.list(space)
    const surplus = this.surplus(logs)
    return logs
      .filter(
        ({ ref, head_seq, start, suspect }) => head_seq >= start && suspect === null && !surplus.has(ref),
      )
      .map(({ device, incarnation, head_seq, head_hash, start }) => ({
        device,
        incarnation,
        sequence: head_seq - start + 1,
        hash: head_hash,
      }))
  }

  /** Hex digest of the frontier: equal on two devices that hold the same operations. */
  frontierDigest(space: number): string {
    return Buffer.from(frontierDigest(this.frontier(space))).toString('hex')
  }
}
