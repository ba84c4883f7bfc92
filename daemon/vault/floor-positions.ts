import type { LogFloor } from '../../crdt/floor.ts'
import type { LogRow, Logs } from './logs.ts'
import type { Sql } from './sql.ts'

/** Where a log's past ends. */
export interface FloorRow {
  readonly seq: number
  readonly hash: Uint8Array
  /** Nothing after it counts. */
  readonly closed: boolean
  /** Its operations are here all the same, without some bodies. */
  readonly kept: boolean
}

/** The positions below which the logs of this vault do not tell everything. */
export class FloorPositions {
  readonly #sql: Sql
  readonly #logs: Logs
  readonly #space: number

  constructor(sql: Sql, logs: Logs, space: number) {
    this.#sql = sql
    this.#logs = logs
    this.#space = space
  }

  of(log: number): FloorRow | undefined {
    const row = this.#sql.get<{ seq: number; hash: Uint8Array; closed: number; kept: number }>(
      'SELECT seq, hash, closed, kept FROM floor_positions WHERE log = ?',
      [log],
    )
    return row && { seq: row.seq, hash: row.hash, closed: row.closed === 1, kept: row.kept === 1 }
  }

  /** Hash of an operation that is here, or of the last one that a snapshot stands for. */
  hashAt(log: number, seq: number): Uint8Array | undefined {
    const missing = this.missingUpTo(log)
    if (missing?.seq === seq) return missing.hash
    return this.#sql.get<{ hash: Uint8Array }>(
      'SELECT hash FROM sync_operations WHERE log = ? AND seq = ? AND branch = 0',
      [log, seq],
    )?.hash
  }

  /** The last operation of a log that is not here, and its hash; undefined when all are. */
  missingUpTo(log: number): FloorRow | undefined {
    const row = this.of(log)
    return row && !row.kept ? row : undefined
  }

  /** The last sequence of a log that counts; undefined for a log that goes on. */
  closedAt(log: number): number | undefined {
    const row = this.of(log)
    return row?.closed ? row.seq : undefined
  }

  /** `holds`: every device keeps to it, so that others are told. What is not here stays not here. */
  set(
    log: LogRow,
    seq: number,
    hash: Uint8Array,
    options: { closed: boolean; holds: boolean; kept: boolean },
  ): void {
    this.#sql.run(
      `INSERT INTO floor_positions (log, seq, hash, closed, holds, kept) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (log) DO UPDATE SET closed = max(closed, excluded.closed), holds = excluded.holds,
         kept = min(kept, excluded.kept),
         seq = iif(kept = 0 AND excluded.kept = 1, seq, excluded.seq),
         hash = iif(kept = 0 AND excluded.kept = 1, hash, excluded.hash)`,
      [log.ref, seq, hash, Number(options.closed), Number(options.holds), Number(options.kept)],
    )
  }

  /** A closed log goes on being closed where it is until a higher floor says otherwise: reopens up to there. */
  reopen(log: number): void {
    this.#sql.run('DELETE FROM floor_positions WHERE log = ? AND holds = 0', [log])
  }

  /** Until that floor holds, logs that begin are taken of these devices only, and of such as are paired after now. */
  awaitOthers(devices: readonly Uint8Array[], now: number): void {
    const names = devices.map((device) => Buffer.from(device).toString('hex'))
    this.#sql.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('floor_kept', ?)", [
      JSON.stringify({ now, names }),
    ])
  }

  /** It holds, or this vault began again. */
  settle(): void {
    this.#sql.run("DELETE FROM meta WHERE name = 'floor_kept'")
  }

  /**
   * A log of a device that comes back while this one waits for a floor to hold: where it holds already the log would be
   * let go, and it says again what is left of it.
   */
  refusesNewLog(device: Uint8Array): boolean {
    const kept = this.#sql.get<{ value: string }>("SELECT value FROM meta WHERE name = 'floor_kept'")?.value
    if (kept === undefined) return false
    const { now, names } = JSON.parse(kept) as { now: number; names: string[] }
    if (names.includes(Buffer.from(device).toString('hex'))) return false
    const known = this.#sql.get<{ at: number }>('SELECT known_since AS at FROM members WHERE device = ?', [
      device,
    ])
    return known !== undefined && known.at < now
  }

  /** What other devices are told, and what this one keeps to. */
  list(): { readonly floors: LogFloor[]; readonly closed: LogFloor[] } {
    const rows = this.#sql.all<{ log: number; seq: number; closed: number; holds: number }>(
      'SELECT f.log, f.seq, f.closed, f.holds FROM floor_positions f JOIN logs l ON l.ref = f.log WHERE l.space = ? ORDER BY f.log',
      [this.#space],
    )
    const logs = new Map(this.#logs.list(this.#space).map((log) => [log.ref, log]))
    const floors = rows.flatMap(({ log, seq, closed, holds }) => {
      const row = logs.get(log)
      if (!row) return []
      const { device, incarnation } = row
      return [{ device, incarnation, sequence: seq, closed: closed === 1, holds: holds === 1 }]
    })
    const plain = ({ device, incarnation, sequence, closed }: LogFloor): LogFloor => ({
      device,
      incarnation,
      sequence,
      closed,
    })
    return {
      floors: floors.filter(({ holds }) => holds).map(plain),
      closed: floors.filter(({ closed }) => closed).map(plain),
    }
  }
}
