import { type ClockState, tick } from '../../crdt/hlc.ts'
import { voidOperation } from '../../crdt/void.ts'
import { LIMITS } from '../../schema/limits.ts'
import { ClockWatch } from './clock-watch.ts'
import type { Eraser } from './eraser.ts'
import type { ErasedMarkers } from './erasure.ts'
import { entityOf } from './fact-columns.ts'
import type { Incarnations, OwnLog } from './incarnations.ts'
import type { Logs } from './logs.ts'
import type { Members } from './members.ts'
import { newestStamp } from './newest-stamp.ts'
import type { OperationLog } from './operation-log.ts'
import type { PeerClock } from './peer-clock.ts'
import { nothingReceived, type Received } from './received.ts'
import { type RefoldContext, refoldOperations } from './refold.ts'
import { changeAgain, restoreShared, sharedValues } from './say-again.ts'
import type { Sql } from './sql.ts'
import { deleteLog, firstAbove, readBack } from './take-back.ts'
import type { AddingChange, FactChange } from './vault.ts'

export interface SettleContext {
  readonly vault: Sql &
    Omit<RefoldContext, 'sql' | 'erased'> & {
      readonly logs: Logs
      readonly members: Members
      readonly now: () => number
      readonly onClockDoubted: () => void
    }
  readonly peers: PeerClock | undefined
  /** This device's Ed25519 public key. */
  readonly device: Uint8Array
  readonly erased: ErasedMarkers
  readonly incarnations: Incarnations
  readonly eraser: Eraser
  readonly own: () => OwnLog
  readonly log: () => OperationLog
  readonly goOnIn: (own: OwnLog) => void
  readonly clock: () => ClockState
  readonly setClock: (clock: ClockState) => void
  readonly write: (changes: readonly (FactChange | AddingChange)[]) => void
}

/** What a clock that is right by now leaves to do. */
export interface Unsettled {
  /** Logs that were kept back. */
  readonly suspect: readonly number[]
  /** The log this device goes on in, and its first operation that is stamped ahead of time. */
  readonly left: OwnLog | undefined
  readonly voidFrom: number | undefined
}

/** What a device does about stamps of its own that are ahead of time. */
export class ClockSettling {
  readonly watch: ClockWatch
  readonly #context: SettleContext

  constructor(context: SettleContext) {
    this.#context = context
    const { vault, device } = context
    this.watch = new ClockWatch({
      peers: context.peers,
      now: vault.now,
      hasOthers: () =>
        vault.members
          .list()
          .some(
            (other) =>
              Buffer.compare(other.device, device) !== 0 && !vault.authority.isTakenOut(other.device),
          ),
      newest: () => (context.own().suspect === null ? context.clock() : this.newest(false)),
    })
  }

  /** The highest stamp that counts here. */
  newest(suspect = true): ClockState {
    const { vault } = this.#context
    const logs = vault.logs.list(vault.space).filter((log) => suspect || log.suspect === null)
    return newestStamp(vault, logs, vault.voids.runs())
  }

  /** Before a write, inside its transaction: what is stamped ahead goes to a log that nobody is told of. */
  doubt(): void {
    const { own, clock, vault, log, goOnIn, incarnations } = this.#context
    if (own().suspect !== null) return
    const limit = this.watch.limit()
    if (limit === Infinity || tick(clock(), vault.now()).ms <= limit) return
    log().commit()
    goOnIn(incarnations.beginSuspect())
    vault.onClockDoubted()
  }

  /** Undefined when nothing is stamped ahead, or while the clock still is wrong. */
  find(): Unsettled | undefined {
    const { vault, own, incarnations, device } = this.#context
    const limit = this.watch.limit()
    if (limit === Infinity || !this.watch.isRight || vault.authority.isTakenOut(device)) return undefined
    const suspect = vault.logs.list(vault.space).flatMap((log) => (log.suspect === null ? [] : [log.ref]))
    const left = own().suspect === null ? own() : incarnations.leftBy(own())
    // A clock that is right stamps up to the limit behind a stamp it took in, and peers may call it early by as much: what
    // is within both tells nothing of this clock, and a device that lies about the time must not have logs closed here.
    const surelyAhead = limit + LIMITS.clockAheadMs
    const voidFrom = this.watch.isCompared && left ? firstAbove(vault, left.ref, surelyAhead) : undefined
    if (suspect.length === 0 && voidFrom === undefined) return undefined
    return { suspect, left, voidFrom }
  }

  /**
   * Takes back what was stamped ahead of time and says it again at the time that is right: logs nobody saw go, and what
   * others may have is taken back by a VOID, which closes its log. Inside a transaction. This is the only way in which
   * a clock goes down.
   */
  settle({ suspect, left, voidFrom }: Unsettled): Received {
    const context = this.#context
    const { vault, eraser } = context
    const { space } = vault
    const { merged, changes, erased } = readAll(vault, suspect, { left, voidFrom })
    const shared = sharedValues(vault, space, changes)
    if (context.own().suspect !== null) context.goOnIn(context.incarnations.goBack(context.own()))
    if (voidFrom !== undefined) sayVoid(context, voidFrom)
    // Within a log stamps grow, and the clock may go down below one that was erased.
    else if (context.incarnations.endsHollow) context.goOnIn(context.incarnations.begin())
    for (const log of suspect) deleteLog(vault, log)
    // Its number may be that of another device's log next.
    vault.logs.reload()
    const refolded = refoldOperations({ ...contextOf(vault), erased: context.erased }, merged)
    context.setClock(this.newest())
    const isThere = ({ entity, key }: FactChange | AddingChange) =>
      !context.erased.has({ entity: entityOf(entity), key })
    context.write(changes.flatMap(changeAgain).filter(isThere))
    context.write(shared.flatMap((value) => restoreShared(vault, space, value)).filter(isThere))
    eraser.eraseAgain(erased)
    context.log().commit()
    return { ...nothingReceived(context.clock()), operations: changes.length, refolded }
  }
}

function contextOf(vault: SettleContext['vault']) {
  const { rows, authority, erasures, voids, space } = vault
  return { sql: vault, rows, authority, erasures, voids, space }
}

function readAll(
  sql: Sql,
  suspect: readonly number[],
  { left, voidFrom }: Pick<Unsettled, 'left' | 'voidFrom'>,
) {
  const shipped = voidFrom === undefined || !left ? [] : [readBack(sql, left.ref, voidFrom)]
  const hidden = suspect.map((log) => readBack(sql, log, 1))
  const all = [...shipped, ...hidden]
  return {
    merged: all.flatMap(({ merged }) => merged),
    // What was shipped was written before the clock was doubted.
    changes: all.flatMap(({ changes }) => changes),
    // An ERASE that others have stays, whatever its stamp.
    erased: hidden.flatMap(({ erased }) => erased),
  }
}

function sayVoid(context: SettleContext, from: number): void {
  const log = context.log()
  const { incarnations } = context
  const { voids, logs } = context.vault
  // Stamps grow within a log.
  const clock = tick(context.clock(), 0)
  log.append(voidOperation(from, { ...clock, device: logs.deviceOf(log.ref).tag }))
  log.commit()
  voids.add(log.ref, log.sequence, from)
  context.goOnIn(incarnations.begin())
}
