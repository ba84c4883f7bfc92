import { decodeFloorTerms, encodeFloorTerms, type FloorPosition, type FloorTerms } from '../../crdt/floor.ts'
import { logName } from '../../crdt/frontier.ts'
import type { ClockState } from '../../crdt/hlc.ts'
import { isStable, type StableUpTo } from '../../crdt/stability.ts'
import { type Stamp, unpackStamps } from '../../crdt/stamps.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Acknowledgements, StableLog } from './acknowledgements.ts'
import type { RowName } from './erasure.ts'
import { floorNumber, isBacked } from './floor-backing.ts'
import { noteDropped } from './let-go.ts'
import type { OpenVault } from './open-vault.ts'
import { ownWord } from './own-words.ts'
import { tombstones, tombstonesAt } from './tombstones.ts'

/** A floor as its row says. */
export interface KnownFloor extends FloorTerms {
  readonly key: string
  readonly before: number
}

export interface FloorState extends KnownFloor {
  /** Devices that keep to it; it holds when all do that have to. */
  readonly accepted: number
  readonly holds: boolean
}

/**
 * Forgets deletions that are long past. One device proposes where the past ends; each device that was seen lately
 * keeps to it once it holds all before it; when every one of them does, all drop the same rows: those deleted up to a
 * moment and before those positions. What was written to them before the last device kept to the floor goes along,
 * nothing is written to them between, and what comes after begins anew. Devices that were away are not asked: their
 * logs end where they were last heard of, so nothing of theirs brings a row back, and they begin again from a snapshot.
 */
export class Floors {
  readonly #vault: OpenVault
  readonly #deviceDid: string
  readonly #acknowledgements: Acknowledgements

  constructor(vault: OpenVault, deviceDid: string, acknowledgements: Acknowledgements) {
    this.#vault = vault
    this.#deviceDid = deviceDid
    this.#acknowledgements = acknowledgements
  }

  /** The floor that counts: the one of the highest key, of those that are backed. */
  latest(): FloorState | undefined {
    return this.#proposals().find(
      // What this device promised others rely on.
      (floor) =>
        this.#isApplied(floor) || this.#isKept(floor) || isBacked(this.#vault, floor, this.#acknowledgements),
    )
  }

  /** One step: keeps to a floor that another device proposed, lets go of what it allows, or proposes the next. */
  step(): void {
    // Two that never meet would each end the other's logs, and never be one again.
    if (this.#acknowledgements.isAlone(this.#vault.now())) return
    const floor = this.latest()
    const [highest] = this.#proposals()
    if (floor && !this.#isApplied(floor)) {
      if (this.#waitsForNobody(floor)) this.#propose(floor)
      else this.#keepTo(floor)
      this.#applyIfHeld(this.latest()!)
    } else if (highest && highest.key !== floor?.key && this.#isAsked(highest))
      // It leaves out a device that is counted on here.
      this.#propose({ ...highest, before: floor?.before ?? 0 })
    else if (this.#isSettled(floor)) this.#propose(floor)
  }

  /** Highest first. */
  #proposals(): FloorState[] {
    const { space, appliedFloor } = this.#vault
    const rows = this.#vault.all<{ id: string; terms: Uint8Array | null; before: number | null }>(
      `SELECT id, terms, before FROM floors WHERE space = ? AND id >= ? ORDER BY id DESC LIMIT ${PROPOSALS_MAX}`,
      [space, appliedFloor],
    )
    return rows.flatMap(({ id: key, terms: encoded, before }) => {
      const terms = encoded && decodeFloorTerms(encoded)
      if (!terms || before === null || floorNumber(key, appliedFloor) === undefined) return []
      const floor = { key, before, ...terms }
      const accepted = this.#acceptances(floor).length
      return [{ ...floor, accepted, holds: accepted === floor.devices.length }]
    })
  }

  #isAsked({ devices }: FloorTerms): boolean {
    const own = this.#vault.logs.deviceOf(this.#vault.ownLog).device
    return devices.some((device) => Buffer.compare(device, own) === 0)
  }

  /** Proposed so long ago that a device which did not keep to it is not counted on any more. */
  #waitsForNobody(floor: FloorState): boolean {
    const now = this.#vault.now()
    const row = this.#vault.get<{ clock: Uint8Array }>(
      'SELECT clock FROM floors WHERE space = ? AND id = ?',
      [this.#vault.space, floor.key],
    )
    const proposedAt = (row && latestOf([...unpackStamps(row.clock).values()])?.ms) ?? now
    if (floor.holds || !this.#isAsked(floor) || proposedAt > now - LIMITS.deviceAwayMs) return false
    const present = this.#acknowledgements.present(now)
    return !floor.devices.every((device) =>
      present.some((known) => Buffer.compare(known.device, device) === 0),
    )
  }

  #keepTo(floor: FloorState): void {
    const { logs, space } = this.#vault
    if (!this.#isAsked(floor) || this.#isKept(floor)) return
    const heads = new Map(logs.list(space).map((log) => [logName(log), log]))
    const at = (position: FloorPosition) => heads.get(logName(position))?.head_seq ?? 0
    if (floor.positions.some((position) => position.closed && at(position) > position.sequence)) {
      // A device that was thought to be away was heard of here: its log ends later.
      this.#propose(floor)
      return
    }
    if (floor.positions.some((position) => at(position) < position.sequence)) return
    this.#vault.transact((tx) => {
      this.#close(floor)
      tx.write([{ kind: 'UPDATE', entity: 'Device', key: this.#deviceDid, values: { floor: floor.key } }])
    })
  }

  #applyIfHeld(floor: FloorState): void {
    if (!floor.holds) return
    const { logs, space, floorPositions } = this.#vault
    const last = latestOf(this.#acceptances(floor))
    if (!last) return
    const named = new Map(floor.positions.map((position) => [logName(position), position.sequence]))
    noteDropped(
      this.#vault,
      logs.list(space).map((log) => ({ ref: log.ref, stable: named.get(logName(log)) ?? 0 })),
    )
    this.#vault.forget(this.#forgettable(floor, last), last)
    this.#vault.transact((tx) => {
      const known = new Map(logs.list(space).map((log) => [logName(log), log]))
      for (const position of floor.positions) {
        const log = known.get(logName(position))
        const { sequence, hash, closed } = position
        if (log) floorPositions.set(log, sequence, hash, { closed, holds: true, kept: true })
      }
      tx.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('floor', ?)", [floor.key])
      floorPositions.settle()
    })
    this.#vault.onCommit()
  }

  /** From now on nothing more of the logs that end is taken. */
  #close(floor: FloorTerms): void {
    const { logs, space, floorPositions, now } = this.#vault
    floorPositions.awaitOthers(floor.devices, now())
    for (const log of logs.list(space)) {
      const position = floor.positions.find((candidate) => logName(candidate) === logName(log))
      floorPositions.reopen(log.ref)
      if (position?.closed)
        floorPositions.set(log, position.sequence, position.hash, { closed: true, holds: false, kept: true })
    }
  }

  #propose(previous: KnownFloor | undefined): void {
    const vault = this.#vault
    const now = vault.now()
    const logs = this.#acknowledgements.stableLogs(now)
    const before = Math.max(now - LIMITS.tombstoneMs, previous?.before ?? 0)
    const isRejected = previous !== undefined && !this.#isApplied(previous)
    if (!isRejected && !this.#hasTombstone(before, this.#acknowledgements.stableUpTo(logs))) return
    const devices = this.#acknowledgements.present(now).map(({ device }) => device)
    const own = vault.logs.deviceOf(vault.ownLog).device
    const terms = {
      positions: this.#positions(logs, devices.length > 0 ? devices : [own]),
      devices: devices.length > 0 ? devices : [own],
    }
    const number = (floorNumber(previous?.key ?? '', vault.appliedFloor) ?? 0) + 1
    const key = `${String(number).padStart(8, '0')}-${Buffer.from(own.subarray(0, 8)).toString('hex')}`
    vault.transact((tx) => {
      this.#close(terms)
      tx.write([
        { kind: 'INSERT', entity: 'Floor', key, values: { terms: encodeFloorTerms(terms), before } },
        { kind: 'UPDATE', entity: 'Device', key: this.#deviceDid, values: { floor: key } },
      ])
    })
    this.#applyIfHeld(this.latest()!)
  }

  /** Logs of devices that are counted on up to where all hold them; of the others up to where they are known here. */
  #positions(logs: readonly StableLog[], devices: readonly Uint8Array[]): FloorPosition[] {
    const { floorPositions } = this.#vault
    return logs.flatMap(({ ref, device, incarnation, head_seq, stable }) => {
      const present = devices.some((known) => Buffer.compare(known, device) === 0)
      const ended = floorPositions.closedAt(ref) !== undefined
      const closed = ended || !present
      const sequence = closed ? head_seq : stable
      const hash = this.#vault.hashAt(ref, sequence)
      return hash ? [{ device, incarnation, sequence, hash, closed }] : []
    })
  }

  /** Every device has heard that every device keeps to the last floor: they have all let go. */
  #isSettled(floor: FloorState | undefined): boolean {
    if (!floor) return true
    const logs = this.#acknowledgements.stableLogs(this.#vault.now())
    const stableUpTo = this.#acknowledgements.stableUpTo(logs)
    return this.#acceptances(floor).every((stamp) => isStable(stamp, stableUpTo))
  }

  #isApplied({ key }: KnownFloor): boolean {
    return this.#vault.appliedFloor >= key
  }

  /** The stamps under which the devices that have to said that they keep to it. */
  #acceptances(floor: KnownFloor): Stamp[] {
    const { members, logs, ownLog } = this.#vault
    const own = logs.deviceOf(ownLog).device
    return floor.devices.flatMap((device) => {
      const member = members.list().find((known) => Buffer.compare(known.device, device) === 0)
      const deviceDid = member?.deviceDid ?? (Buffer.compare(device, own) === 0 ? this.#deviceDid : undefined)
      const word = deviceDid === undefined ? undefined : this.#keepsTo({ device, deviceDid })
      return word?.value === floor.key ? [word.stamp] : []
    })
  }

  #keepsTo(device: { readonly device: Uint8Array; readonly deviceDid: string }) {
    return ownWord<string>(this.#vault, this.#vault, device, 'floor')
  }

  #isKept({ key }: KnownFloor): boolean {
    const { device } = this.#vault.logs.deviceOf(this.#vault.ownLog)
    return this.#keepsTo({ device, deviceDid: this.#deviceDid })?.value === key
  }

  #hasTombstone(before: number, stableUpTo: StableUpTo): boolean {
    for (const { stamp } of tombstones(this.#vault))
      if (stamp.ms <= before && isStable(stamp, stableUpTo)) return true
    return false
  }

  #forgettable(floor: KnownFloor, last: ClockState): RowName[] {
    const { logs } = this.#vault
    const upTo = new Map(floor.positions.map((position) => [logName(position), position]))
    const stamps = new Map<number, ClockState | undefined>()
    for (const log of logs.list(this.#vault.space)) {
      const position = upTo.get(logName(log))
      stamps.set(log.ref, position && this.#acknowledgements.stampAt(log.ref, position.sequence))
    }
    return tombstonesAt(this.#vault, last).filter(
      ({ stamp }) => stamp.ms <= floor.before && isStable(stamp, (log) => stamps.get(log)),
    )
  }
}

/** Of those that came since the last one that was applied. */
const PROPOSALS_MAX = 64

function latestOf(stamps: readonly ClockState[]): ClockState | undefined {
  return [...stamps].sort((a, b) => b.ms - a.ms || b.counter - a.counter)[0]
}
