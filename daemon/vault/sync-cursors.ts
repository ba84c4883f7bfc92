import type { LogPosition } from '../../crdt/frontier.ts'
import type { Logs } from './logs.ts'
import type { LeftAtKeeper } from './mailbox-actions.ts'
import type { Sql } from './sql.ts'

/** How far another device has come, and when it was seen. */
export interface DeviceProgress {
  /** Operations here that it has not said it holds. */
  readonly behind: number
  readonly lastSeenAt: number | null
  /** When both last held the same. */
  readonly inSyncAt: number | null
  readonly connected: boolean
}

/** What other devices hold durably, by their own word. Shown to people; never decides what is sent. */
export class SyncCursors {
  readonly #sql: Sql
  readonly #logs: Logs
  readonly #space: number
  readonly #connected = new Set<string>()
  readonly #left = new Map<string, LeftAtKeeper>()

  constructor(sql: Sql, logs: Logs, space: number) {
    this.#sql = sql
    this.#logs = logs
    this.#space = space
  }

  acknowledged(device: Uint8Array, positions: readonly LogPosition[], now: number): void {
    for (const position of positions) {
      const log = this.#logs.find(this.#space, position)
      if (!log) continue
      this.#sql.run(
        `INSERT INTO sync_cursors (device, log, sequence, acknowledged_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (device, log) DO UPDATE SET sequence = excluded.sequence, acknowledged_at = excluded.acknowledged_at`,
        [device, log.ref, Math.min(position.sequence + log.start - 1, log.head_seq), now],
      )
    }
  }

  seen(device: Uint8Array, connected: boolean, now: number): void {
    const name = Buffer.from(device).toString('hex')
    if (connected) this.#connected.add(name)
    else this.#connected.delete(name)
    this.#sql.run(
      `INSERT INTO device_presence (device, last_seen_at) VALUES (?, ?)
       ON CONFLICT (device) DO UPDATE SET last_seen_at = excluded.last_seen_at`,
      [device, now],
    )
  }

  noteLeft(device: Uint8Array, left: LeftAtKeeper): void {
    this.#left.set(Buffer.from(device).toString('hex'), left)
  }

  /** What waits for it at a keeper; null when nothing does that it lacks. */
  leftFor(device: Uint8Array): LeftAtKeeper | null {
    const left = this.#left.get(Buffer.from(device).toString('hex'))
    const operations = Math.min(left?.operations ?? 0, this.progressOf(device).behind)
    return left && operations > 0 ? { ...left, operations } : null
  }

  inSync(device: Uint8Array, now: number): void {
    this.#sql.run('UPDATE device_presence SET in_sync_at = ?2, last_seen_at = ?2 WHERE device = ?1', [
      device,
      now,
    ])
  }

  progressOf(device: Uint8Array): DeviceProgress {
    const presence = this.#sql.get<{ last_seen_at: number; in_sync_at: number | null }>(
      'SELECT last_seen_at, in_sync_at FROM device_presence WHERE device = ?',
      [device],
    )
    const { behind } = this.#sql.get<{ behind: number | null }>(
      `SELECT sum(l.head_seq - ifnull(c.sequence, l.start - 1)) AS behind FROM logs l
       LEFT JOIN sync_cursors c ON c.log = l.ref AND c.device = ?1
       WHERE l.space = ?2 AND l.device <> ?1`,
      [device, this.#space],
    )!
    return {
      behind: behind ?? 0,
      lastSeenAt: presence?.last_seen_at ?? null,
      inSyncAt: presence?.in_sync_at ?? null,
      connected: this.#connected.has(Buffer.from(device).toString('hex')),
    }
  }

  /** Per log of others and ours: what the device holds of it, and the time of the last operation it holds. */
  cursorsOf(
    device: Uint8Array,
  ): { readonly log: number; readonly sequence: number; readonly head: number }[] {
    return this.#sql.all(
      `SELECT l.ref AS log, ifnull(c.sequence, l.start - 1) AS sequence, l.head_seq AS head FROM logs l
       LEFT JOIN sync_cursors c ON c.log = l.ref AND c.device = ?1
       WHERE l.space = ?2 AND l.device <> ?1 AND l.head_seq >= l.start ORDER BY l.ref`,
      [device, this.#space],
    )
  }
}
