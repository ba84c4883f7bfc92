import { unpackStamps } from '../../crdt/stamps.ts'
import { Device } from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { lastInStep } from './away.ts'
import { findSuperseded } from './compaction.ts'
import { Floors } from './floors.ts'
import { noteDropped } from './let-go.ts'
import type { OpenVault } from './open-vault.ts'
import type { Pace } from './pace.ts'

export interface UpkeepResult {
  /** This device said anew what it holds. */
  readonly acknowledged: boolean
  /** Operations that all devices which are counted on have acknowledged, of all. */
  readonly stable: number
  readonly operations: number
  /** Bodies dropped. */
  readonly dropped: number
}

/** What a vault does now and then so that its past does not grow for ever: says what it holds, drops what is superseded. */
export class Upkeep {
  readonly #vault: OpenVault
  readonly #deviceDid: string
  readonly #acknowledgements: Acknowledgements
  readonly floors: Floors
  /** The stable positions that were last worked through, as text: nothing new is stable until they change. */
  #done: string | undefined
  /** How much was stable then, and when that was; ms UTC. */
  #doneStable = 0
  #doneAt = Number.NEGATIVE_INFINITY
  #running: Promise<UpkeepResult> | undefined
  #stopped = false

  constructor(vault: OpenVault, deviceDid: string) {
    this.#vault = vault
    this.#deviceDid = deviceDid
    const { logs, members, authority, space, ownLog } = vault
    this.#acknowledgements = new Acknowledgements({ sql: vault, logs, members, authority, space, ownLog })
    this.floors = new Floors(vault, deviceDid, this.#acknowledgements)
  }

  /**
   * `now`: also says what it holds if it has said so a short time ago, and looks through a large log for little.
   * One at a time: a second call joins the first.
   */
  run(pace: Pace, now = false): Promise<UpkeepResult> {
    this.#running ??= this.#run(pace, now).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running?.catch(() => {})
  }

  async #run(pace: Pace, now: boolean): Promise<UpkeepResult> {
    // First: whoever hears that this device holds something may rely on its having let go of what went before.
    this.floors.step()
    const acknowledged = this.#acknowledge(now)
    const logs = this.#acknowledgements.stableLogs(this.#vault.now())
    const dropped = await this.#compact(pace, now)
    return {
      acknowledged,
      stable: logs.reduce((sum, { stable }) => sum + stable, 0),
      operations: logs.reduce((sum, { head_seq }) => sum + head_seq, 0),
      dropped,
    }
  }

  #acknowledge(now: boolean): boolean {
    const { members, authority, logs, ownLog } = this.#vault
    if (members.list().length < 2 || authority.isTakenOut(logs.deviceOf(ownLog).device)) return false
    const silent = this.#saidAt() < (lastInStep(this.#vault) ?? 0) - LIMITS.signOfLifeMs
    const holds = this.#acknowledgements.owed(this.#deviceDid, silent)
    if (!holds || (!now && this.#saidAt() > this.#vault.now() - LIMITS.acknowledgeMs)) return false
    this.#vault.transact((tx) =>
      tx.write([{ kind: 'UPDATE', entity: 'Device', key: this.#deviceDid, values: { holds } }]),
    )
    return true
  }

  #saidAt(): number {
    const row = this.#vault.get<{ clock: Uint8Array }>(
      'SELECT clock FROM devices WHERE space = ? AND id = ?',
      [this.#vault.space, this.#deviceDid],
    )
    return (row && unpackStamps(row.clock).get(Device.columns.holds.number)?.ms) ?? 0
  }

  async #compact(pace: Pace, now: boolean): Promise<number> {
    const at = this.#vault.now()
    const logs = this.#acknowledgements.stableLogs(at)
    const state = logs.map(({ ref, stable }) => `${ref}:${stable}`).join()
    if (state === this.#done) return 0
    const stable = logs.reduce((sum, log) => sum + log.stable, 0)
    if (!now && !this.#isWorthIt(stable, at)) return 0
    const stableUpTo = this.#acknowledgements.stableUpTo(logs)
    let dropped = 0
    for (let after: number | undefined = 0; after !== undefined; ) {
      await pace()
      if (this.#stopped) return dropped
      const { ids, next } = findSuperseded(
        this.#vault,
        this.#vault.space,
        after,
        stableUpTo,
        this.#vault.voids.runs(),
      )
      if (ids.length > 0) {
        noteDropped(this.#vault, logs)
        this.#vault.dropBodies(ids)
      }
      dropped += ids.length
      after = next
    }
    this.#done = state
    this.#doneStable = stable
    this.#doneAt = at
    return dropped
  }

  /**
   * All of the log is looked through for what little superseded: of a large one it takes a minute of a core. So it
   * waits until a hundredth of what is stable is new since the last time, or an hour has passed.
   */
  #isWorthIt(stable: number, at: number): boolean {
    return (
      stable <= LIMITS.compactAtOnceOperations ||
      Math.abs(stable - this.#doneStable) >= stable / 100 ||
      Math.abs(at - this.#doneAt) >= LIMITS.compactLargeMs
    )
  }
}
