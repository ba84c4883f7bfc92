import { logName } from '../../crdt/frontier.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { encodeDid } from '../../daemon/identity/did.ts'
import { stateDigest } from '../../daemon/vault/state-digest.ts'
import { ENTITY_BY_NAME, NotebookEntry } from '../../schema/entities/index.ts'
import {
  digestOfState,
  KIND,
  markerOf,
  type PlacedOperation,
  type ReferenceState,
  readOperation,
  stateOf,
} from '../support/reference-state.ts'
import { type AfterFloors, afterFloors, lostWork } from './vault-floors.ts'
import { Removals } from './vault-removals.ts'
import type { VaultReplica } from './vault-replica.ts'

/** A change as the person made it. */
export interface Intent {
  readonly kind: keyof typeof KIND
  readonly entity: string
  readonly key: string
  readonly values: Readonly<Record<string, string | number>>
}

interface KnownOperation extends PlacedOperation {
  /** The person was told that it is stored. */
  acknowledged: boolean
  /** It was said again and erased in one step: what it was nobody knows, and nobody may show. */
  unseen?: true
}

interface KnownLog {
  /** Nobody was told of it. */
  suspect: boolean
  readonly device: Uint8Array
  readonly log: PlacedOperation['log']
  readonly operations: KnownOperation[]
}

interface StoredRow {
  readonly seq: number
  readonly hash: Uint8Array
  readonly body: Uint8Array | null
}

/** In the place of what was hollow from the beginning. */
const UNSEEN: KnownOperation['read'] = {
  ms: 0,
  counter: 0,
  tag: new Uint8Array(8),
  kind: KIND.UPDATE,
  table: 0,
  key: '',
  columns: new Map(),
  judgement: 'unknown',
}

/** What their columns hold follows from what was there. */
const ADDS_UP: ReadonlySet<Intent['kind']> = new Set(['COUNTER', 'TEXT'])
const AHEAD_MS = 5 * 60 * 1_000
/** The clock carries a full counter into its milliseconds; nothing here writes so much. */
const CLOCK_SLACK_MS = 1

/**
 * Every operation that was ever written, taken down when it was, and what follows from the set that a device holds.
 * Whatever a vault shows is compared with the reference's fold of that set.
 */
export class History {
  readonly #logs = new Map<string, KnownLog>()
  readonly #spaceId: Uint8Array
  readonly #spaceSecret: Uint8Array
  readonly #reads = new Map<string, ReturnType<typeof readOperation>>()
  readonly removals = new Removals()
  /** Half a year and more went by. */
  agesOver = false
  /** Logs of which nobody has anything: their device began again before it met anybody. */
  left: ReadonlySet<string> = new Set()
  operations = 0

  constructor(did: string, spaceSecret: Uint8Array) {
    this.#spaceId = privateSpaceId(did)
    this.#spaceSecret = spaceSecret
  }

  /** Notes the logs that are in no vault any more. */
  noteLeft(replicas: readonly VaultReplica[]): void {
    const held = new Set(
      replicas.flatMap(({ vault }) =>
        vault.logs.list(vault.space).flatMap((log) => (log.head_seq > 0 ? [logName(log)] : [])),
      ),
    )
    this.left = new Set([...this.#logs.keys()].filter((name) => !held.has(name)))
  }

  /** Takes down what the device's own log has more than we know. Answers what is wrong. */
  record(replica: VaultReplica, acknowledged: boolean): { problems: string[]; fresh: number } {
    const { vault } = replica
    const problems: string[] = []
    let fresh = 0
    for (const log of vault.logs.list(vault.space)) {
      if (Buffer.compare(log.device, replica.device) !== 0) continue
      fresh += this.#recordLog(vault, log, acknowledged, problems)
    }
    this.operations += fresh
    return { problems, fresh }
  }

  #recordLog(
    vault: VaultReplica['vault'],
    log: ReturnType<VaultReplica['vault']['logs']['list']>[number],
    acknowledged: boolean,
    problems: string[],
  ): number {
    let fresh = 0
    const known = this.#log(log)
    known.suspect = log.suspect !== null
    const rows = vault.all<StoredRow>(
      'SELECT seq, hash, body FROM sync_operations WHERE log = ? AND seq > ? ORDER BY seq',
      [log.ref, known.operations.length],
    )
    const erases = vault.get('SELECT 1 FROM erased LIMIT 1') !== undefined
    for (const { seq, hash, body } of rows) {
      const { device } = known
      if (!body && !erases) problems.push(`operation ${seq} was hollow before anybody saw it`)
      known.operations[seq - 1] = {
        device,
        log: known.log,
        hash,
        acknowledged,
        ...(body ? { read: this.#read(hash, body) } : { read: UNSEEN, unseen: true }),
      }
      fresh++
    }
    return fresh
  }

  /** The last operations of a device's own log say what the person did. */
  checkIntents(replica: VaultReplica, intents: readonly Intent[]): string[] {
    const own = this.#ownLog(replica).operations.slice(-intents.length)
    return intents.flatMap(({ kind, entity: name, key, values }, index) => {
      const entity = ENTITY_BY_NAME.get(name)!
      const read = own[index]?.read
      const told =
        read !== undefined &&
        read.kind === KIND[kind] &&
        read.table === entity.number &&
        read.key === key &&
        (ADDS_UP.has(kind) ||
          (read.columns.size === Object.keys(values).length &&
            Object.entries(values).every(
              ([column, value]) => read.columns.get(entity.columns[column]!.number) === value,
            )))
      return told ? [] : [`a ${kind} of ${name} ${key} is not in the log as it was made`]
    })
  }

  /** After a start: nothing that was acknowledged may be missing from the device's own log. */
  checkDurable(replica: VaultReplica): string[] {
    const head = this.#headOf(replica)
    const lost = this.#ownLog(replica)
      .operations.slice(head)
      .filter(({ acknowledged }) => acknowledged)
    return lost.length > 0 ? [`${lost.length} acknowledged operations are lost`] : []
  }

  /** A crash may take what nobody acknowledged. */
  forgetUnacknowledged(replica: VaultReplica): void {
    const { operations } = this.#ownLog(replica)
    operations.length = Math.min(
      operations.length,
      Math.max(this.#headOf(replica), lastAcknowledged(operations)),
    )
  }

  /** An old file was put back: what no device holds any more never was. Answers how many operations were lost. */
  forgetLost(replicas: readonly VaultReplica[], ofRemoved = true): number {
    const frontiers = replicas.map(
      ({ vault }) => new Map(vault.logs.list(vault.space).map((log) => [logName(log), log.head_seq])),
    )
    let lost = 0
    for (const [name, { operations, device }] of this.#logs) {
      if (!ofRemoved && this.removals.has(device)) continue
      const held = Math.max(...frontiers.map((frontier) => frontier.get(name) ?? 0))
      lost += operations.length - held
      operations.length = held
    }
    return lost
  }

  /** What was erased may be hollow on others that never saw the ERASE; only this device knows why. */
  aloneKnowsAnErase(replica: VaultReplica, others: readonly VaultReplica[]): boolean {
    const frontiers = others.map(
      ({ vault }) => new Map(vault.logs.list(vault.space).map((log) => [logName(log), log.head_seq])),
    )
    return replica.vault.logs.list(replica.vault.space).some((log) => {
      const elsewhere = Math.max(...frontiers.map((frontier) => frontier.get(logName(log)) ?? 0))
      const alone = this.#log(log).operations.slice(elsewhere)
      return alone.some(({ read }) => read.kind === KIND.ERASE)
    })
  }

  /** Compares what a device shows with the fold of what it holds. */
  checkState(replica: VaultReplica): string[] {
    const { vault } = replica
    const problems: string[] = []
    const absent = new Set(
      vault
        .all<{ log: number; seq: number }>(
          `SELECT log, seq FROM held_operations UNION SELECT log, seq FROM sync_operations WHERE body IS NULL`,
        )
        .map(({ log, seq }) => `${log} ${seq}`),
    )
    const held: PlacedOperation[] = []
    for (const { ref, device, incarnation, head_seq, head_hash } of vault.logs.list(vault.space)) {
      const known = this.#logs.get(logName({ device, incarnation }))
      const last = known?.operations[head_seq - 1]
      if (head_seq > 0 && (!last || Buffer.compare(last.hash, head_hash) !== 0)) {
        problems.push(`holds ${head_seq} operations of a log in which nobody wrote them`)
        continue
      }
      const limit = this.removals.limitFor(replica, { device, incarnation })
      const operations = known?.operations.slice(0, Math.min(head_seq, limit)) ?? []
      for (const { operation, seq } of counting(operations))
        if (!absent.has(`${ref} ${seq}`) && !operation.unseen) held.push(operation)
    }
    const expected = digestOfState(stateOf(held, this.#spaceSecret))
    if (stateDigest(vault, vault.logs, vault.space) !== expected)
      problems.push('its rows are not the fold of the operations it holds')
    const clock = Number.parseInt(
      vault.get<{ value: string }>("SELECT value FROM meta WHERE name = 'clock'")!.value.slice(0, 12),
      16,
    )
    if (clock > replica.latest + AHEAD_MS + CLOCK_SLACK_MS)
      problems.push('its clock took in a stamp that is too far ahead')
    return problems
  }

  /** In the end: every acknowledged operation is everywhere, and what was erased is nowhere. */
  checkEnd(replica: VaultReplica): string[] {
    const { vault } = replica
    const problems: string[] = []
    const told = [...this.#logs].filter(([, { suspect }]) => !suspect)
    const after = this.agesOver ? this.#afterFloors() : undefined
    const all = after?.counting ?? this.#whatCounts()
    const unheard = new Set(after?.unheard)
    if (this.removals.unheard(replica).length > 0) problems.push('has not heard who was taken out')
    for (const [name, { operations, device }] of told) {
      // What it wrote after may have come, and changes nothing.
      if (this.removals.has(device)) continue
      const log = vault.logs.list(vault.space).find((candidate) => logName(candidate) === name)
      const known = operations.filter((operation) => !unheard.has(operation)).length
      if ((log?.head_seq ?? 0) !== known)
        problems.push(
          `holds ${log?.head_seq ?? 0} of ${known} operations of ${Buffer.from(device).toString('hex', 0, 4)}`,
        )
    }
    if (replica.keptBack() > 0) problems.push('still keeps back what it wrote')
    if (vault.held.count() > 0) problems.push('still holds operations back')
    if (vault.erasures.owedBy(replica.member.did)) problems.push('does not say what it has purged')
    const state = stateOf(all, this.#spaceSecret)
    if (stateDigest(vault, vault.logs, vault.space) !== digestOfState(state))
      problems.push('does not show the fold of all operations')
    problems.push(...notesUnlike(vault, state))
    if (after) problems.push(...this.#lostBy(replica, after, state))
    const erased = new Set(state.erased.map(({ table, marker }) => `${table} ${hex(marker)}`))
    const isErased = ({ read: { table, key } }: PlacedOperation) =>
      typeof key === 'string' && erased.has(`${table} ${hex(markerOf(this.#spaceSecret, table, key))}`)
    const gone = new Set(all.filter(isErased).map(({ hash }) => hex(hash)))
    const shown = new Set(
      state.rows.flatMap(({ cells }) => [...cells.values()].map(({ write }) => hex(write.hash))),
    )
    for (const { hash, body } of vault.all<StoredRow>('SELECT seq, hash, body FROM sync_operations')) {
      if (body && gone.has(hex(hash))) problems.push('what was erased stands in its log')
      if (!body && shown.has(hex(hash))) problems.push('an operation is hollow whose words are shown')
    }
    return problems
  }

  /** Words of rows that are erased and stand in no other. */
  erasedWords(): string[] {
    const all = [...this.#logs.values()].flatMap(({ operations }) =>
      operations.filter(({ unseen }) => !unseen),
    )
    const told = [...this.#logs.values()].filter(({ suspect }) => !suspect)
    const { erased } = stateOf(
      told.flatMap((log) => this.#within(log)).filter(({ unseen }) => !unseen),
      this.#spaceSecret,
    )
    const markers = new Set(erased.map(({ table, marker }) => `${table} ${hex(marker)}`))
    return all.flatMap(({ read: { table, key, columns } }) => {
      if (typeof key !== 'string' || !markers.has(`${table} ${hex(markerOf(this.#spaceSecret, table, key))}`))
        return []
      return [...columns.values()].flatMap((value) => {
        if (typeof value === 'string') return value.startsWith('word-') ? [value] : []
        // An update holds what it inserts as it was typed.
        return value instanceof Uint8Array
          ? (Buffer.from(value)
              .toString('latin1')
              .match(/word-\d+-\w+-end/g) ?? [])
          : []
      })
    })
  }

  /** What everybody forgot, and what nobody heard of in time, is not what counts. */
  #afterFloors(): AfterFloors {
    const logs = [...this.#logs].filter(([, { suspect }]) => !suspect)
    return afterFloors(
      logs.map(([name, { device, operations }]) => ({
        device,
        did: encodeDid(device),
        operations,
        isLeft: this.left.has(name),
      })),
      this.#spaceSecret,
    )
  }

  #lostBy(replica: VaultReplica, after: AfterFloors, state: ReferenceState): string[] {
    const own = after.unheard.filter(({ device }) => Buffer.compare(device, replica.device) === 0)
    const lost = lostWork({ ...after, unheard: own }, state, replica.recovered(), (table, key) =>
      hex(markerOf(this.#spaceSecret, table, key)),
    )
    return lost.map((row) => `what it wrote to ${row} while away is nowhere`)
  }

  /** How many rows are forgotten for good, and how many operations of a device that was away were never heard. */
  ages(): { readonly floors: number; readonly forgotten: number; readonly unheard: number } {
    const { floors, forgotten, unheard } = this.#afterFloors()
    return { floors, forgotten: forgotten.size, unheard: unheard.length }
  }

  /** Of all that others were told what is not taken back and within the cut-offs. */
  #whatCounts(): PlacedOperation[] {
    const told = [...this.#logs.values()].filter(({ suspect }) => !suspect)
    return told.flatMap((log) =>
      counting(this.#within(log)).flatMap(({ operation }) => (operation.unseen ? [] : [operation])),
    )
  }

  /** Whatever a device wrote beyond its cut-offs changes nothing, a VOID neither. */
  #within({ device, log: { incarnation }, operations }: KnownLog): readonly KnownOperation[] {
    return operations.slice(0, this.removals.limit({ device, incarnation }))
  }

  #read(hash: Uint8Array, body: Uint8Array) {
    const name = hex(hash)
    const read = this.#reads.get(name) ?? readOperation(new Uint8Array(body))
    this.#reads.set(name, read)
    return read
  }

  #log({ device, incarnation }: { device: Uint8Array; incarnation: Uint8Array }): KnownLog {
    const name = logName({ device, incarnation })
    const log: KnownLog = this.#logs.get(name) ?? {
      device,
      log: { space: this.#spaceId, incarnation },
      operations: [],
      suspect: false,
    }
    this.#logs.set(name, log)
    return log
  }

  #ownLog({ vault }: VaultReplica): KnownLog {
    return this.#log(vault.logs.list(vault.space).find(({ ref }) => ref === vault.ownLog)!)
  }

  #headOf({ vault }: VaultReplica): number {
    return vault.logs.list(vault.space).find(({ ref }) => ref === vault.ownLog)!.head_seq
  }
}

/** The state digest says which edits and counts there are; here is what they come to. */
function notesUnlike(vault: VaultReplica['vault'], { rows }: ReferenceState): string[] {
  return rows.flatMap(({ table, key, shared }) => {
    if (table !== NotebookEntry.number) return []
    const row = vault.get<{ body: string | null; tally: number | null }>(
      'SELECT body, tally FROM notebook_entries WHERE id = ?',
      [key],
    )
    const cellOf = (number: number) => shared.find(({ column }) => column === number)?.value ?? null
    const { body, tally } = NotebookEntry.columns
    return row?.body === cellOf(body.number) && row?.tally === cellOf(tally.number)
      ? []
      : [`note ${key} is not what its edits make of it`]
  })
}

/** Those of a log, from its first on, that no VOID in it takes back; ERASEs stay. */
function counting(operations: readonly KnownOperation[]) {
  const placed = operations.map((operation, index) => ({ operation, seq: index + 1 }))
  const end = placed.find(({ operation: { read } }) => read.kind === KIND.VOID)
  if (!end) return placed
  const from = Number(end.operation.read.columns.get(1))
  return placed.filter(
    ({ operation: { read }, seq }) => seq < from || (read.kind === KIND.ERASE && seq < end.seq),
  )
}

function lastAcknowledged(operations: readonly KnownOperation[]): number {
  return operations.findLastIndex(({ acknowledged }) => acknowledged) + 1
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
