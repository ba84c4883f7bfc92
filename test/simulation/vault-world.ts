import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { logName } from '../../crdt/frontier.ts'
import { type SeededRandom, seededRandom } from '../support/seed.ts'
import { BEGIN, type Family } from './vault-family.ts'
import { FaultCounts } from './vault-faults.ts'
import { History } from './vault-history.ts'
import { opensForged, VaultNetwork } from './vault-network.ts'
import { Crash, type VaultImage, VaultReplica } from './vault-replica.ts'
import type { Strangers } from './vault-strangers.ts'
import { Workload } from './vault-workload.ts'

const YEAR = 365 * 24 * 3_600_000
/** Less than what a device alone would doubt. */
const HOURS = 20 * 3_600_000
const CREDITS = [1, 2_000, 1024 * 1024]
const APPLY_BYTES = [1, 3_000, 512 * 1024]
/** Of all seeds. */
const REMOVING = 0.25
const AGING = 0.06
const DAY = 24 * 3_600_000
/** Streams that do not come to an end are a fault of the engine. */
const STEPS_MAX = 50_000
/** Each has everybody meet and purge. What is learned in one may be acted upon in the next. */
const ROUNDS_MAX = 10

/**
 * Several real vaults of one person, a network between them and everything that may go wrong. All of it follows from
 * the seed: the order of events, their times, the random bytes of the vaults.
 */
export class VaultWorld implements Disposable {
  readonly counts = new FaultCounts()
  readonly problems: string[] = []
  readonly replicas: readonly VaultReplica[]
  readonly history: History
  readonly network: VaultNetwork
  readonly trace = createHash('sha256')
  readonly #random: SeededRandom
  readonly #family: Family
  readonly #strangers: Strangers
  readonly #folder: string
  readonly #workload: Workload
  readonly #images = new Map<VaultReplica, VaultImage>()
  /** By log: how far it was told to everybody. */
  readonly #published = new Map<string, number>()
  /**
   * Clocks jump by years, or logs are compacted: beyond half a year that drops tombstones by a snapshot, and what is then
   * shown is no longer the fold of all operations.
   */
  readonly #jumps: boolean
  /** Devices compare their clocks. */
  readonly #watched: boolean
  /**
   * A device that the others take out. It erases nothing: what it erased and then was not allowed to is gone on those
   * that heard of it before.
   */
  readonly #lost: VaultReplica | undefined
  /** It does not listen, and writes on. */
  readonly #isThief: boolean = false
  readonly #fates: SeededRandom
  /** In the end one device is away for more than half a year, and the others forget what was deleted. */
  readonly #ages: boolean
  #time = BEGIN

  constructor(seed: string, family: Family, strangers: Strangers) {
    const random = seededRandom(seed)
    this.#random = random
    this.#family = family
    this.#strangers = strangers
    this.#folder = join(family.folder, createHash('sha256').update(seed).digest('hex').slice(0, 16))
    mkdirSync(this.#folder)
    this.history = new History(family.did, family.spaceSecret)
    this.#jumps = random.next() < 0.5
    this.#fates = seededRandom(`${seed} fates`)
    const fate = this.#fates.next()
    const removes = fate < REMOVING
    this.#ages = !removes && !this.#jumps && fate < REMOVING + AGING * 2
    this.#workload = new Workload(random, random.next() < 0.5 && !removes)
    const introduced = random.next() < 0.85
    this.#watched = this.#jumps && random.next() < 0.6
    this.replicas = family.devices.slice(0, 2 + random.integer(family.devices.length - 1)).map(
      (member) =>
        new VaultReplica({
          family,
          member,
          random: seededRandom(`${seed} ${member.number}`),
          time: () => this.#time,
          folder: join(this.#folder, String(member.number)),
          introduced,
          watched: this.#watched,
          ages: this.#ages,
        }),
    )
    if (removes && this.replicas.length > 2) {
      this.#lost = this.#fates.pick(this.replicas)
      this.#isThief = this.#fates.next() < 0.5
    }
    this.network = new VaultNetwork({
      replicas: this.replicas,
      random,
      counts: this.counts,
      limits: { credit: random.pick(CREDITS), applyBytes: random.pick(APPLY_BYTES) },
      trace: this.trace,
      epochKey: family.epochKey,
      carryOut: (replica, work) => this.#carryOut(replica, work),
    })
  }

  /** Lives for a while, then lets everything settle. */
  async run(): Promise<void> {
    const { integer, next } = this.#random
    for (let events = 15 + integer(30); events > 0; events--) {
      await this.#event()
      if (this.#lost && this.#fates.next() < 0.08) this.#remove(this.#lost)
      this.#time += next() < 0.1 ? integer(3_600_000) : integer(200)
      for (let steps = integer(12); steps > 0; steps--) this.network.step()
      if (next() < 0.15) this.#check(this.#random.pick(this.replicas))
    }
    if (this.#ages && this.replicas.length > 1) await this.#absence()
    this.#settle()
    // What a file that is lost had told to nobody but a device that was taken out.
    if (this.staying.length < this.replicas.length) this.history.forgetLost(this.staying, false)
    if (!this.history.agesOver) return
    this.history.noteLeft(this.replicas)
    this.#countAges()
  }

  /** One device is alone for 220 days; the others meet, keep up, and after half a year forget what was deleted. */
  async #absence(): Promise<void> {
    this.network.heal()
    const away = this.#fates.pick(this.replicas)
    const others = this.replicas.filter((replica) => replica !== away)
    for (const replica of this.replicas) {
      replica.disarmCrash()
      this.#release(replica)
      // The log it goes on in is known to all.
      this.#write(replica)
    }
    this.#meetAll(this.replicas)
    this.history.agesOver = true
    this.counts.add('device away for months')
    this.network.isolate(away)
    for (const days of [20, 100, 100]) {
      for (const replica of this.replicas)
        for (let writes = this.#fates.integer(4); writes > 0; writes--) this.#write(replica)
      this.#time += days * DAY
      // Several may propose a floor at once: then they all have to hear of the one that counts.
      for (let round = 0; round < 5; round++) {
        this.#write(this.#fates.pick(others))
        this.#meetAll(others)
        for (const replica of others) await this.#upkeep(replica)
      }
    }
    this.#meetAll(others)
    this.network.heal()
    for (let steps = this.#fates.integer(60); steps > 0; steps--) this.network.step()
  }

  #meetAll(replicas: readonly VaultReplica[]): void {
    for (let round = 0; round < 2; round++) {
      this.network.gatherAround(this.#fates.pick(replicas))
      let steps = 0
      while (this.network.step()) if (++steps > STEPS_MAX) throw new Error('it does not come to an end')
      for (const replica of replicas) this.#purge(replica)
    }
  }

  #countAges(): void {
    const { forgotten, unheard, floors } = this.history.ages()
    this.counts.add('floors that hold', floors)
    this.counts.add('rows forgotten for good', forgotten)
    this.counts.add('operations written while away', unheard)
    for (const replica of this.replicas) this.counts.add('recovered items', replica.recovered().size)
    this.counts.add('device begins again from a snapshot', this.network.totals.installed)
  }

  /** All but a device that was taken out. */
  get staying(): readonly VaultReplica[] {
    return this.replicas.filter(({ device }) => !this.history.removals.has(device))
  }

  [Symbol.dispose](): void {
    for (const replica of this.replicas) replica.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #event(): Promise<void> {
    const replica = this.#random.pick(this.replicas)
    const chance = this.#random.integer(100)
    const events: [below: number, name: string, happen: () => void | Promise<void>][] = [
      [40, 'writes', () => this.#write(replica)],
      [45, 'erases', () => this.#erase(replica)],
      [60, 'opens a stream', () => this.network.open()],
      [65, 'breaks a stream', () => this.network.breakOne()],
      [67, 'partition', () => this.network.partition()],
      [71, 'heals', () => this.network.heal()],
      [76, 'will crash', () => replica.armCrash()],
      [78, 'is killed', () => this.#restart(replica, 'crash between transactions')],
      [80, 'is restarted', () => this.#reopen(replica)],
      [84, 'clock', () => this.#jump(replica)],
      [86, 'backup', () => void this.#images.set(replica, replica.image())],
      [89, 'puts back', () => this.#putBack(replica)],
      [92, 'releases', () => this.#release(replica)],
      [93, 'purges', () => this.#purge(replica)],
      [95, 'keeps up', () => this.#upkeep(replica)],
      [100, 'is lied to', () => this.#lie(replica)],
    ]
    const [, name, happen] = events.find(([below]) => chance < below)!
    this.trace.update(`${replica.member.number} ${name} at ${this.#time}\n`)
    await happen()
  }

  #write(replica: VaultReplica): void {
    if (this.#isOut(replica)) return
    if (this.history.removals.has(replica.device)) this.counts.add('device that was taken out writes on')
    const kept = replica.keptBack()
    this.#carryOut(replica, () => {
      replica.transact((vault) => {
        const intents = this.#workload.write(vault)
        this.#record(replica)
        this.problems.push(...this.history.checkIntents(replica, intents))
      })
    })
    if (replica.keptBack() > kept) this.counts.add('writes kept back')
    this.#tell(replica)
  }

  #erase(replica: VaultReplica): void {
    if (replica === this.#lost) return
    this.#carryOut(replica, () => replica.transact((vault) => this.#workload.erase(vault)))
    this.counts.add('erases')
    this.#tell(replica)
  }

  #tell(replica: VaultReplica): void {
    this.network.changed(replica)
    const own = replica.ownHead()
    if (own.sequence === 0) return
    const first = (this.#published.get(logName(own)) ?? 0) + 1
    if (first > own.sequence) return
    this.#published.set(logName(own), own.sequence)
    this.network.publish(replica, replica.read({ ...own, sequence: first }, 1_000_000).segments)
  }

  #jump(replica: VaultReplica): void {
    const [offset, fault] = this.#random.pick([
      [YEAR, 'clock ahead by a year'],
      [HOURS, 'clock ahead by hours'],
      [HOURS, 'clock ahead by hours'],
      [-YEAR, 'clock behind by a year'],
      [0, 'clock corrected'],
    ] as const)
    if (!this.#jumps || replica.offset === offset) return
    replica.offset = offset
    this.counts.add(fault)
  }

  #release(replica: VaultReplica): void {
    const kept = replica.keptBack()
    const voids = replica.vault.voids.runs().length
    this.#carryOut(replica, () => replica.releaseHeld())
    this.#carryOut(replica, () => replica.settleClock())
    if (kept > 0 && replica.keptBack() === 0) this.counts.add('writes said again')
    if (replica.vault.voids.runs().length > voids) this.counts.add('logs closed by a VOID')
    this.#tell(replica)
  }

  #putBack(replica: VaultReplica): void {
    const image = this.#images.get(replica)
    // A decision, or what its cut-offs name, may be in no other file.
    if (!image || this.staying.length < this.replicas.length) return
    const others = this.replicas.filter((other) => other !== replica)
    if (this.history.aloneKnowsAnErase(replica, others)) return
    this.network.forget(replica)
    this.network.silence(replica)
    const whole = this.#random.next() < 0.5
    replica.putBack(image, whole)
    const lost = this.history.forgetLost(this.replicas)
    // An older file of somebody else may hold what is lost from now on.
    if (lost > 0) this.#images.clear()
    this.counts.add(whole ? 'folder put back' : 'backup put back')
    this.counts.add('operations only the lost file held', lost)
    this.#check(replica)
  }

  /** It knows that it was taken out, and may not write any more. */
  #isOut(replica: VaultReplica): boolean {
    return replica.vault.authority.isTakenOut(replica.device)
  }

  /** Somebody else takes a device out, maybe two who do not know of each other; it hears of it when it does. */
  #remove(lost: VaultReplica): void {
    const others = this.replicas.filter((other) => other !== lost && other.isMember(lost.device))
    const known = this.history.removals.has(lost.device)
    if (others.length === 0 || (known && this.#fates.next() < 0.7)) return
    const replica = this.#fates.pick(others)
    const logs = replica.frontier().filter(({ device }) => Buffer.compare(device, lost.device) === 0)
    const removal = {
      device: lost.device,
      cutOffs: new Map(logs.map((head) => [logName(head), head.sequence])),
    }
    this.history.removals.add(removal)
    this.trace.update(`${replica.member.number} takes ${lost.member.number} out at ${this.#time}\n`)
    lost.deaf = this.#isThief
    this.#carryOut(replica, () => replica.remove(lost))
    if (replica.isMember(lost.device)) {
      this.history.removals.forget(removal)
      return
    }
    this.counts.add(known ? 'device taken out twice' : 'device taken out')
    this.network.changed(replica)
  }

  #purge(replica: VaultReplica): void {
    if (this.#isOut(replica)) return
    this.#carryOut(replica, () => replica.purge())
    this.counts.add('tidied up')
    this.#tell(replica)
  }

  async #upkeep(replica: VaultReplica): Promise<void> {
    if (this.#jumps) return
    try {
      await replica.upkeep()
      this.#record(replica)
    } catch (error) {
      this.#crashed(replica, error)
    }
    this.counts.add('compactions')
    this.#tell(replica)
  }

  /** Somebody without a say sends segments, or somebody in between changes them: nothing comes of it. */
  #lie(replica: VaultReplica): void {
    const { pick, integer, next } = this.#random
    const other = pick(this.replicas)
    const own = other.ownHead()
    const genuine =
      own.sequence > 0 ? other.read({ ...own, sequence: 1 + integer(own.sequence) }, 100_000).segments : []
    const [lie, segment] = pick([
      ['segment of another person', pick(this.#strangers.foreign)],
      ['segment of a stranger', pick(this.#strangers.uncertified)],
      ['segment forged', genuine[0] && forged(genuine[0], this.#random)],
      ['message forged', undefined],
    ] as const)
    if (lie === 'message forged' && genuine[0]) {
      this.counts.add(lie)
      if (opensForged(this.#random, this.#family.epochKey, genuine[0]))
        this.problems.push('a forged message opens')
    }
    if (!segment) return
    this.counts.add(lie)
    this.#carryOut(replica, () => {
      const before = JSON.stringify(replica.frontier())
      const taken = replica.apply(next() < 0.5 ? [segment] : [...genuine.slice(0, 1), segment])
      if (taken && lie !== 'segment forged') this.problems.push(`takes in a ${lie}`)
      if (!taken && JSON.stringify(replica.frontier()) !== before)
        this.problems.push('a batch is refused and part of it stays')
      if (taken) this.network.changed(replica)
    })
  }

  /** Does something on a device; its process may end meanwhile, and starts again. */
  #carryOut(replica: VaultReplica, work: () => void): void {
    try {
      work()
      this.#record(replica)
    } catch (error) {
      this.#crashed(replica, error)
    }
  }

  #crashed(replica: VaultReplica, error: unknown): void {
    // On its way up the end of the process may have been taken for something else.
    if (!(error instanceof Crash) && !replica.isDead) throw error
    this.counts.add(`crash ${replica.crashedAt}`)
    this.#restart(replica, 'crash in a transaction')
  }

  #record(replica: VaultReplica, acknowledged = true): void {
    const { problems, fresh } = this.history.record(replica, acknowledged)
    this.problems.push(...problems)
    this.counts.add('operations', fresh)
  }

  #restart(replica: VaultReplica, fault: 'crash in a transaction' | 'crash between transactions'): void {
    this.network.forget(replica)
    const powerLoss = this.#random.next() < 0.5
    this.counts.add(fault)
    if (powerLoss) this.counts.add('crash with power loss')
    this.problems.push(...replica.restart(powerLoss))
    this.problems.push(...this.history.checkDurable(replica))
    this.history.forgetUnacknowledged(replica)
    this.#record(replica, false)
    this.#check(replica)
  }

  #reopen(replica: VaultReplica): void {
    this.network.forget(replica)
    replica.reopen()
    this.counts.add('orderly restart')
    this.#check(replica)
  }

  #check(replica: VaultReplica): void {
    this.counts.add('states compared with the reference')
    this.problems.push(
      ...this.history.checkState(replica).map((problem) => `device ${replica.member.number}: ${problem}`),
    )
  }

  /** All are well, reachable and two years older: whatever was held back is due. */
  #settle(): void {
    this.network.heal()
    if (this.#watched) this.#setClocksRight()
    this.#time += 2 * YEAR
    for (const replica of this.replicas) {
      replica.offset = 0
      replica.disarmCrash()
      this.#carryOut(replica, () => replica.releaseHeld())
      // Whoever they meet from now on tells the right time.
      this.network.forget(replica)
    }
    for (let round = 0; round < ROUNDS_MAX && !this.#isQuiet(); round++) {
      this.network.gatherAround(this.#random.pick(this.staying))
      let steps = 0
      while (this.network.step()) if (++steps > STEPS_MAX) throw new Error('it does not come to an end')
      for (const replica of this.staying) {
        this.#release(replica)
        this.#purge(replica)
      }
    }
  }

  /** While what was stamped ahead still is ahead of the time. */
  #setClocksRight(): void {
    for (const replica of this.replicas) {
      replica.offset = 0
      this.network.forget(replica)
    }
    this.network.gatherAround(this.#random.pick(this.staying))
    for (let steps = this.#random.integer(60); steps > 0; steps--) this.network.step()
    for (const replica of this.staying) this.#release(replica)
  }

  #isQuiet(): boolean {
    const { removals } = this.history
    return (
      this.#agreed() &&
      this.staying.every(
        (replica) => !replica.purgeDue && replica.keptBack() === 0 && removals.unheard(replica).length === 0,
      )
    )
  }

  #agreed(): boolean {
    const known = this.staying.map(
      (replica) => `${replica.vault.logs.frontierDigest(replica.vault.space)} ${replica.membership()}`,
    )
    return new Set(known).size === 1
  }
}

function forged(segment: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = Uint8Array.from(segment)
  bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8)
  return random.next() < 0.9 ? bytes : bytes.slice(0, random.integer(bytes.length))
}
