import { logName } from '../../crdt/frontier.ts'
import type { ClockState } from '../../crdt/hlc.ts'
import { decodeOperation, rowOfOperation } from '../../crdt/operation.ts'
import {
  type Acknowledging,
  decodePositions,
  encodePositions,
  type StableUpTo,
  stableSequences,
} from '../../crdt/stability.ts'
import { Device } from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Authority } from './authority.ts'
import { BODY_HEAD_BYTES } from './erasure.ts'
import type { LogRow, Logs } from './logs.ts'
import type { Members, StoredMember } from './members.ts'
import { ownWord } from './own-words.ts'
import type { Sql } from './sql.ts'

/** A log of the space with the sequence up to which it is stable. */
export interface StableLog extends LogRow {
  readonly stable: number
}

/**
 * What the devices of a space say in their own logs of holding the others': one column of each device's row, so that
 * every device sees the same and a new word replaces the last one.
 */
export class Acknowledgements {
  readonly #sql: Sql
  readonly #logs: Logs
  readonly #members: Members
  readonly #authority: Authority
  readonly #space: number
  readonly #own: Uint8Array

  constructor(options: {
    sql: Sql
    logs: Logs
    members: Members
    authority: Authority
    space: number
    ownLog: number
  }) {
    this.#sql = options.sql
    this.#logs = options.logs
    this.#members = options.members
    this.#authority = options.authority
    this.#space = options.space
    this.#own = options.logs.deviceOf(options.ownLog).device
  }

  /**
   * What this device should say of itself now; undefined when it has, or when nothing came since but other devices'
   * words of this kind: they need no answer, or there would be no end. `anyway`: also then, so that devices which it
   * meets through others alone know that it is not away.
   */
  owed(deviceDid: string, anyway = false): Uint8Array | undefined {
    const said = this.#holdsOf({ device: this.#own, deviceDid })
    const positions = this.#foreignLogs().map((log) => ({ ...log, sequence: this.#heldUpTo(log) }))
    const news =
      anyway || positions.some((position) => this.#saysMore(position, said.get(logName(position)) ?? 0))
    return news ? encodePositions(positions) : undefined
  }

  /** The devices that are counted on: those seen within the time that a device may be away, and not taken out. */
  present(now: number): StoredMember[] {
    return this.#members
      .list()
      .filter((member) => !this.#authority.isTakenOut(member.device) && this.#isPresent(member, now))
  }

  /** There are other devices, and none of them was seen in that time. */
  isAlone(now: number): boolean {
    const isOther = ({ device }: StoredMember) =>
      Buffer.compare(device, this.#own) !== 0 && !this.#authority.isTakenOut(device)
    return this.#members.list().some(isOther) && !this.present(now).some(isOther)
  }

  /** The logs of the space, with how far each of the devices that are counted on holds them. */
  stableLogs(now: number): StableLog[] {
    const devices = this.present(now).map(
      (known): Acknowledging => ({ device: known.device, holds: this.#holdsOf(known) }),
    )
    const logs = this.#logs.list(this.#space)
    const known = devices.length > 0 ? devices : [{ device: this.#own, holds: new Map() }]
    const heads = logs.map((log) => ({ ...log, sequence: log.head_seq }))
    const stable = stableSequences(heads, known)
    return logs.map((log) => ({ ...log, stable: stable.get(logName(log)) ?? 0 }))
  }

  /** By log, the stamp of its last stable operation that still has one. */
  stableUpTo(logs: readonly StableLog[]): StableUpTo {
    const stamps = new Map<number, ClockState | undefined>()
    for (const { ref, stable } of logs) stamps.set(ref, this.stampAt(ref, stable))
    return (log) => stamps.get(log)
  }

  /** The last stamp of a log up to a sequence, of operations that have one and of rows that came with a snapshot. */
  stampAt(log: number, upTo: number): ClockState | undefined {
    const row = this.#sql.get<{ body: Uint8Array }>(
      'SELECT body FROM sync_operations WHERE log = ? AND seq <= ? AND body IS NOT NULL ORDER BY seq DESC LIMIT 1',
      [log, upTo],
    )
    if (row) return decodeOperation(row.body).hlc
    return this.#sql.get<{ ms: number; counter: number }>(
      'SELECT ms, counter FROM floor_positions WHERE log = ? AND seq <= ? AND kept = 0 AND ms IS NOT NULL',
      [log, upTo],
    )
  }

  #isPresent({ device, knownSince }: StoredMember, now: number): boolean {
    if (Buffer.compare(device, this.#own) === 0) return true
    const presence = this.#sql.get<{ last: number }>(
      'SELECT max(last_seen_at, ifnull(in_sync_at, 0)) AS last FROM device_presence WHERE device = ?',
      [device],
    )
    const stamps = this.#logs
      .list(this.#space)
      .filter((log) => Buffer.compare(log.device, device) === 0)
      // A stamp that is ahead of time says nothing of when it was made.
      .map((log) => this.stampAt(log.ref, this.#heldUpTo(log))?.ms ?? 0)
    const seen = Math.max(knownSince, presence?.last ?? 0, ...stamps)
    return seen >= now - LIMITS.deviceAwayMs
  }

  #foreignLogs(): LogRow[] {
    return this.#logs
      .list(this.#space)
      .filter(({ device, head_seq }) => head_seq > 0 && Buffer.compare(device, this.#own) !== 0)
  }

  /** An operation that waits is not held yet: nothing jumps over it. */
  #heldUpTo({ ref, head_seq }: LogRow): number {
    const first = this.#sql.get<{ seq: number | null }>(
      'SELECT min(seq) AS seq FROM held_operations WHERE log = ?',
      [ref],
    )?.seq
    return first ? first - 1 : head_seq
  }

  #saysMore({ ref, sequence }: LogRow & { sequence: number }, from: number): boolean {
    if (sequence <= from) return false
    const heads = this.#sql.all<{ head: Uint8Array | null }>(
      `SELECT substr(body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations
       WHERE log = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT 1000`,
      [ref, from, sequence],
    )
    return (
      heads.length === 1000 ||
      heads.some(({ head }) => !head || rowOfOperation(head)?.table !== Device.number)
    )
  }

  #holdsOf(device: { readonly device: Uint8Array; readonly deviceDid: string }): Map<string, number> {
    const { value } =
      ownWord<Uint8Array>(this.#sql, { logs: this.#logs, space: this.#space }, device, 'holds') ?? {}
    return value ? decodePositions(value) : new Map()
  }
}
