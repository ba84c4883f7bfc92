import { VivimError } from '../../../schema/errors.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { encodeDid } from '../../identity/did.ts'
import { isEnded } from '../ended-accounts.ts'
import type { MasterLog } from '../master-log.ts'
import { believableRecords, recordsIn } from '../record-check.ts'
import { type CheckedRecord, leafOf } from '../record-kinds.ts'
import type { Registry, RegistryEntry, Since } from '../registry.ts'
import { withoutLapsedUser } from '../revoked-signers.ts'
import { FINDINGS, type Finding, type FindingKind, Findings } from './findings.ts'
import { provesConsistency, provesInclusion } from './merkle-proof.ts'
import { type ReaderState, readReaderState, writeReaderState } from './reader-state.ts'
import { connectionName, type Missed, missedConnections, newestConnections } from './seen-connections.ts'
import { missedIn, seenName } from './seen-records.ts'
import { readHead, type SignedHead } from './signed-head.ts'

/** Another device's head is compared over a log that may grow meanwhile. */
const COMPARISONS = 5

export interface LogReaderOptions {
  /** What it remembers is kept there. */
  readonly file: string
  /** Of the master: its peer id, and the public key that is in it. */
  readonly instance: { readonly peerId: string; readonly publicKey: Uint8Array }
  readonly registry: Pick<Registry, 'find' | 'connections' | 'witness'>
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly log: MasterLog
  readonly count: (name: string) => void
  /** The operator began the log anew: what was published before may not be in it. */
  readonly onGeneration: () => void
}

/** How far the log is to be believed. `unconfirmed`: its head is old, or no other device is known to see the same. */
export type Trust = 'none' | 'unconfirmed' | 'confirmed' | 'suspect'

export interface ReaderReport {
  readonly trust: Trust
  readonly head?: Omit<SignedHead, 'bytes'>
  readonly confirmedAt?: number
  readonly generationAt?: number
  readonly findings: readonly Finding[]
}

/**
 * Reads a master as one that may lie: remembers the newest head of its log, has each further head proven to continue
 * it, each record proven to be in it, and notices what is older than, or missing from, what was there before.
 */
export class LogReader {
  readonly #options: LogReaderOptions
  readonly #findings: Findings
  readonly #seen: Map<string, Map<string, number>>
  #head: SignedHead | undefined
  #confirmedAt: number | null
  #generationAt: number | null
  /** People about whom the answer that is being looked at holds something forged. */
  readonly #forged = new Set<string>()
  #witnessing: Promise<unknown> = Promise.resolve()

  constructor(options: LogReaderOptions) {
    this.#options = options
    const { file, instance } = options
    const state = readReaderState(file, instance.peerId)
    this.#head =
      state.head === null
        ? undefined
        : readHead(new Uint8Array(Buffer.from(state.head, 'base64')), instance.publicKey)
    this.#confirmedAt = state.confirmedAt
    this.#generationAt = state.generationAt
    this.#findings = new Findings(state.findings)
    this.#seen = new Map(
      Object.entries(state.seen).map(([did, each]) => [did, new Map(Object.entries(each))]),
    )
  }

  /** The newest head that was believed. */
  get head(): SignedHead | undefined {
    return this.#head
  }

  /** What of a master's answer about a DID holds. @throws VivimError `Unavailable` when it does not answer */
  async find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined> {
    this.#forged.delete(did)
    // An answer may have been given before what was published, or seen in another answer, while it was on its way.
    const asked = new Map(this.#seen.get(did))
    const entry = await this.#options.registry.find(did, signal)
    const records = entry ? believableRecords(did, recordsIn(entry)) : []
    const wrong = this.#compareWithSeen(did, asked, records)
    const logged = await this.#areLogged(records, signal)
    if (logged === false) wrong.add('not-logged')
    if (this.#forged.delete(did)) wrong.add('forged')
    for (const kind of wrong) this.#found(kind, did)
    if (logged !== undefined && this.#findings.personIsWell(did, wrong)) this.#save()
    return entry && withoutLapsedUser(entry)
  }

  /**
   * What of a master's answer about a person's connections holds. `ask` makes the question; with `since` 0 the answer is of
   * everything, and what is gone is noticed. @throws as `find`
   */
  async connections(
    did: string,
    since: number,
    ask: (instance: string) => Uint8Array,
    signal?: AbortSignal,
  ): Promise<CheckedRecord[]> {
    const { registry, instance } = this.#options
    const about = connectionName(did)
    const asked = new Map(this.#seen.get(about))
    const answer = await registry.connections(ask(encodeDid(instance.publicKey)), signal)
    const records = newestConnections(did, answer)
    const wrong = new Set<FindingKind>(records.length < answer.length ? ['connection-forged'] : [])
    const missed = missedConnections(did, this.#notForgotten(about, asked), records)
    if (missed.older) wrong.add('connection-replayed')
    if (since === 0 && (await this.#areGone(did, missed, signal))) wrong.add('connection-dropped')
    const logged = await this.#areLogged(records, signal)
    if (logged === false) wrong.add('connection-not-logged')
    // What is dated ahead would hold its place against all that comes.
    const latest = this.#options.now() + LIMITS.clockAheadMs
    if (
      this.#remember(
        about,
        records.filter(({ sequence }) => sequence <= latest),
      )
    )
      this.#save()
    for (const kind of wrong) this.#found(kind, did)
    // Part of an answer says nothing of what is not in it.
    const isWhole = logged !== undefined && since === 0
    if (isWhole && this.#findings.connectionsAreWell(did, wrong)) this.#save()
    return records
  }

  /** Of the head that was believed last, by the master's clock; milliseconds UTC. */
  get headTime(): number {
    return this.#head?.time ?? 0
  }

  /** With the account of the other one everything goes by right; what nobody answered may give way to others. */
  async #areGone(did: string, { gone }: Missed, signal?: AbortSignal): Promise<boolean> {
    let dropped = false
    for (const { name, other, answered } of gone) {
      const hasEnded = answered && isEnded((await this.find(other, signal))?.records ?? [])
      if (answered && !hasEnded) dropped = true
      else this.#seen.get(connectionName(did))?.delete(name)
    }
    return dropped
  }

  /** The registry's answer about a DID holds something that nobody signed who may. */
  forged(did: string): void {
    this.#forged.add(did)
  }

  /** The master took these: from now on they are missed. */
  published(record: CheckedRecord): void {
    if (this.#remember(record.did, [record])) this.#save()
  }

  /** A person was deleted here: what is kept of them is of no interest any more. */
  forget(did: string): void {
    const others = this.#seen.delete(connectionName(did))
    if (this.#seen.delete(did) || others) this.#save()
  }

  /** Looks at the log now. @throws VivimError `Unavailable` when the master does not answer */
  async refresh(signal?: AbortSignal): Promise<void> {
    await this.#witness([], signal)
  }

  /**
   * Compares with the head that another device of the same people saw; `unknown` when that device is behind, has another
   * master, or ours does not answer.
   */
  async compare(bytes: Uint8Array, signal?: AbortSignal): Promise<'same' | 'split' | 'unknown'> {
    const theirs = readHead(bytes, this.#options.instance.publicKey)
    if (!theirs) return 'unknown'
    try {
      const verdict = await this.#compareWith(theirs, signal)
      if (verdict === 'split') this.#foundSplit(theirs)
      else if (verdict === 'same') this.#confirm()
      return verdict
    } catch (error) {
      if (error instanceof VivimError) return 'unknown'
      throw error
    }
  }

  report(): ReaderReport {
    const head = this.#head
    const { list } = this.#findings
    return {
      trust: this.#trust(),
      findings: list,
      ...(head ? { head } : {}),
      ...(this.#confirmedAt === null ? {} : { confirmedAt: this.#confirmedAt }),
      ...(this.#generationAt === null ? {} : { generationAt: this.#generationAt }),
    }
  }

  #trust(): Trust {
    if (this.#findings.list.length > 0) return 'suspect'
    if (!this.#head) return 'none'
    const oldest = this.#options.now() - LIMITS.headFreshMs
    return this.#head.time >= oldest && (this.#confirmedAt ?? 0) >= oldest ? 'confirmed' : 'unconfirmed'
  }

  async #compareWith(theirs: SignedHead, signal?: AbortSignal): Promise<'same' | 'split' | 'unknown'> {
    if (!this.#head || isAfter(theirs, this.#head)) await this.#witness([], signal)
    for (let tries = 0; tries < COMPARISONS; tries++) {
      const mine = this.#head
      if (!mine) return 'unknown'
      // Theirs was made before ours was asked for: the master shows us less.
      if (isAfter(theirs, mine)) return 'split'
      if (theirs.generation < mine.generation) return 'unknown'
      if (theirs.size === mine.size) return equal(theirs.root, mine.root) ? 'same' : 'split'
      const witness = await this.#options.registry.witness(theirs, [], signal)
      const now = readHead(witness.head, this.#options.instance.publicKey)
      if (now && now.generation === mine.generation && now.size === mine.size && equal(now.root, mine.root))
        return witness.consistency && provesConsistency(theirs, now, witness.consistency) ? 'same' : 'split'
      // It grew, or it is another one: that is for the comparison with our own head to say.
      await this.#witness([], signal)
    }
    return 'unknown'
  }

  /** Undefined when that cannot be said: the master does not answer, or shows another log. */
  async #areLogged(records: readonly CheckedRecord[], signal?: AbortSignal): Promise<boolean | undefined> {
    let all = true
    const leaves = records.map(leafOf)
    for (let at = 0; at === 0 || at < leaves.length; at += LIMITS.witnessLeaves) {
      const part = leaves.slice(at, at + LIMITS.witnessLeaves)
      try {
        const logged = await this.#witness(part, signal)
        if (logged === undefined) return undefined
        all &&= logged
      } catch (error) {
        if (signal?.aborted || !(error instanceof VivimError)) throw error
        return undefined
      }
    }
    return all
  }

  /** One after another: each is proven from the head that the one before ended with. */
  #witness(leaves: readonly Uint8Array[], signal?: AbortSignal): Promise<boolean | undefined> {
    const mine = this.#witnessing.then(() => this.#witnessNow(leaves, signal))
    this.#witnessing = mine.catch(() => {})
    return mine
  }

  async #witnessNow(leaves: readonly Uint8Array[], signal?: AbortSignal): Promise<boolean | undefined> {
    const { registry, instance, count } = this.#options
    const before = this.#head
    const witness = await registry.witness(before ?? null, leaves, signal)
    count('master.log.witnesses')
    const head = readHead(witness.head, instance.publicKey)
    const wrong = head ? judge(before, head, witness.consistency) : 'forged'
    if (wrong) this.#found(wrong, undefined, { before: describe(before), now: head && describe(head) })
    if (wrong || !head) return undefined
    this.#believe(head)
    return leaves.every((leaf, n) => {
      const inclusion = witness.inclusions[n]
      return inclusion ? provesInclusion(leaf, inclusion, head.size, head.root) : false
    })
  }

  #believe(head: SignedHead): void {
    const before = this.#head
    const recovered = this.#findings.logIsWell()
    const begun = before !== undefined && head.generation > before.generation
    const isNews = begun || recovered || head.size !== before?.size
    // A head of the same log is kept only as often as its age is looked at.
    if (!isNews && before && head.time - before.time < LIMITS.masterAuditMs) return
    this.#head = head
    if (begun) this.#newGeneration(head)
    this.#save()
  }

  #newGeneration({ generation, size }: SignedHead): void {
    const { log, now, count, onGeneration } = this.#options
    this.#generationAt = now()
    this.#confirmedAt = null
    this.#findings.newGeneration()
    this.#seen.clear()
    log.warn(
      { generation, size },
      'the operator of the master began its log anew: records are published again',
    )
    count('master.log.generations')
    onGeneration()
  }

  /** With what was seen when the master was asked, but for what was forgotten since. */
  #compareWithSeen(
    did: string,
    asked: ReadonlyMap<string, number>,
    records: readonly CheckedRecord[],
  ): Set<FindingKind> {
    const wrong = missedIn(this.#notForgotten(did, asked), records)
    if (this.#remember(did, records)) this.#save()
    return wrong
  }

  #notForgotten(about: string, asked: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    const seen = this.#seen.get(about)
    return new Map([...asked].filter(([name]) => seen?.has(name)))
  }

  #remember(did: string, records: readonly CheckedRecord[]): boolean {
    const known = this.#seen.get(did) ?? new Map<string, number>()
    let changed = false
    for (const record of records) {
      const name = seenName(record)
      if ((known.get(name) ?? -1) >= record.sequence) continue
      known.set(name, record.sequence)
      changed = true
    }
    if (!changed) return false
    // The one that was looked at longest ago goes first.
    this.#seen.delete(did)
    this.#seen.set(did, known)
    const [oldest] = this.#seen.keys()
    if (this.#seen.size > LIMITS.rememberedPeople && oldest !== undefined) {
      this.#seen.delete(oldest)
      this.#options.count('master.log.forgotten')
    }
    return true
  }

  #foundSplit(theirs: SignedHead): void {
    // Both are signed: whoever sees the two knows.
    const signed = [theirs, this.#head].map((head) => head && Buffer.from(head.bytes).toString('base64'))
    this.#found('split-view', undefined, { signed })
  }

  #found(kind: FindingKind, did?: string, details: object = {}): void {
    const { log, count, now } = this.#options
    count(`master.log.${kind}`)
    if (this.#findings.add(kind, now(), did)) log.error({ kind, did, ...details }, FINDINGS[kind])
    this.#save()
  }

  #confirm(): void {
    this.#confirmedAt = this.#options.now()
    this.#save()
  }

  #save(): void {
    const { file, instance, log } = this.#options
    const state: ReaderState = {
      instance: instance.peerId,
      head: this.#head ? Buffer.from(this.#head.bytes).toString('base64') : null,
      confirmedAt: this.#confirmedAt,
      generationAt: this.#generationAt,
      findings: [...this.#findings.list],
      seen: Object.fromEntries([...this.#seen].map(([did, each]) => [did, Object.fromEntries(each)])),
    }
    try {
      writeReaderState(file, state)
    } catch (error) {
      log.warn({ code: (error as { code?: string }).code }, 'what is known of the master is not kept')
    }
  }
}

/** What is wrong with a head after another one; undefined when it continues it, or the operator began anew. */
function judge(
  before: SignedHead | undefined,
  head: SignedHead,
  consistency: readonly Uint8Array[] | null,
): FindingKind | undefined {
  if (!before || head.generation > before.generation) return undefined
  if (isAfter(before, head)) return 'rolled-back'
  return consistency && provesConsistency(before, head, consistency) ? undefined : 'history-changed'
}

function isAfter(a: Since, b: Since): boolean {
  return a.generation > b.generation || (a.generation === b.generation && a.size > b.size)
}

function describe(head: SignedHead | undefined): object | undefined {
  return head && { generation: head.generation, size: head.size, time: head.time }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
