import { Conversation, type ReplicatedEntity } from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import { messageOf } from './conversation-rows.ts'
import { type ErasedMarkers, nameOf, type RowName } from './erasure.ts'
import type { Erasure, Erasures } from './erasures.ts'
import type { Logs } from './logs.ts'
import type { Members } from './members.ts'
import type { NamedRows } from './named-rows.ts'
import type { Sql } from './sql.ts'

/** What may be erased at once, and what has to wait. */
export interface Guarded {
  readonly passing: readonly Erasure[]
  readonly waiting: readonly Erasure[]
}

export interface ErasureGuardOptions {
  readonly sql: Sql
  readonly space: number
  readonly logs: Logs
  readonly erasures: Erasures
  readonly markers: ErasedMarkers
  readonly names: NamedRows
  /** The device this vault is on. */
  readonly own: Uint8Array
  readonly members: Members
}

/**
 * Keeps one device from emptying this vault at once: a stolen one, or a program gone wrong. What is counted is what
 * ERASEs take from this vault, by conversation and by the time at which they come to be applied here: a stamp says
 * what its writer likes.
 */
export class ErasureGuard {
  readonly #deps: ErasureGuardOptions

  constructor(options: ErasureGuardOptions) {
    this.#deps = options
  }

  /** What has waited already is not held again. */
  sift(erasures: readonly Erasure[], now: number): Guarded {
    const { logs, own } = this.#deps
    const named = this.#deps.names.present(erasures)
    const arriving = erasures.map((erasure) => this.#arrived(erasure, named, now))
    const waiting = new Set<Erasure>()
    for (const [device, group] of Map.groupBy(arriving, ({ log }) => logs.deviceOf(log).device)) {
      const fresh = group.filter(({ waited }) => !waited)
      if (Buffer.compare(device, own) === 0 || !this.#tooMany(device, fresh, now)) continue
      for (const erasure of fresh) if (!this.#isConfirmed(device, erasure.ms)) waiting.add(erasure)
    }
    return { passing: arriving.filter((erasure) => !waiting.has(erasure)), waiting: [...waiting] }
  }

  /** Another device of the person's confirmed what this one erased up to that moment. */
  #isConfirmed(device: Uint8Array, ms: number): boolean {
    const { members, erasures } = this.#deps
    return members
      .list()
      .some(
        (member) =>
          Buffer.compare(member.device, device) === 0 &&
          erasures.confirmedUntil(member.deviceDid, device) >= ms,
      )
  }

  #arrived(erasure: Erasure, named: ReadonlyMap<string, RowName>, now: number): Erasure {
    if (erasure.waited) return erasure
    const row = named.get(nameOf(erasure.entity.number, erasure.marker))
    const touches = row && this.#touchedBy(row)
    return { ...erasure, arrived: now, ...(touches ? { touches } : {}) }
  }

  /** The marker of the conversation that loses something; of what is in none the row's own. */
  #touchedBy(row: RowName): Uint8Array | undefined {
    const { markers } = this.#deps
    const conversation = this.#conversationOf(row)
    if (conversation === undefined) return markers.markerOf(row)
    const parent = { entity: Conversation, key: conversation }
    return markers.has(parent) ? undefined : markers.markerOf(parent)
  }

  #conversationOf({ entity, key }: RowName): string | undefined {
    if (entity.number === Conversation.number) return key
    if (entity.table === 'message_versions') return this.#parentOf('messages', messageOf(key))
    return 'conversation_id' in entity.columns ? this.#parentOf(entity.table, key) : undefined
  }

  #parentOf(table: ReplicatedEntity['table'], key: string): string | undefined {
    const { sql, space } = this.#deps
    const row = sql.get<{ id: string | null }>(
      `SELECT conversation_id AS id FROM ${table} WHERE space = ? AND id = ?`,
      [space, key],
    )
    return row?.id ?? undefined
  }

  /** Above 100 conversations in ten minutes, or above a fifth of all when that is more than ten. */
  #tooMany(device: Uint8Array, arriving: readonly Erasure[], now: number): boolean {
    const { sql, space, erasures } = this.#deps
    const since = now - LIMITS.massErasureWindowMs
    const before = erasures.touchedBy(device, since)
    const touched = new Set(before.map(({ touches }) => hex(touches)))
    for (const { touches } of arriving) if (touches) touched.add(hex(touches))
    const count = Math.max(touched.size, this.#stampedTogether(device, arriving))
    if (count <= LIMITS.massErasureFew) return false
    if (count > LIMITS.massErasureConversations) return true
    const { n } = sql.get<{ n: number }>('SELECT count(*) AS n FROM conversations WHERE space = ?', [space])!
    const gone = before.filter((erasure) => erasure.gone === 1).length
    return count > (n + gone) * LIMITS.massErasureShare
  }

  /**
   * Conversations erased at one time by the device's own word. A device that comes to the space meets ERASEs before
   * what they name, and would let them take it as it comes.
   */
  #stampedTogether(device: Uint8Array, arriving: readonly Erasure[]): number {
    const latest = arriving.reduce((most, { ms }) => Math.max(most, ms), 0)
    const from = latest - LIMITS.massErasureWindowMs
    const fresh = arriving.filter(({ entity, ms }) => entity.number === Conversation.number && ms >= from)
    return this.#deps.erasures.countOf(device, from, latest) + fresh.length
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
