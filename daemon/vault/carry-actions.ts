import {
  Contact,
  Conversation,
  Device,
  ENTITY_BY_NAME,
  Floor,
  MessageVersion,
  PeerLetter,
  REPLICATED_ENTITIES,
  type ReplicatedEntity,
  type ReplicatedEntityName,
  type RowValues,
  type Value,
} from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { AddingChange, FactChange, Vault } from './vault.ts'

/** Of the old root key alone: its devices, and what it said by way of a master. */
const LEFT: readonly ReplicatedEntityName[] = [Device.name, Floor.name, PeerLetter.name]

/** What a person goes on with under another root key, in this order: a conversation once its messages are there. */
export const CARRIED: readonly ReplicatedEntityName[] = [
  ...REPLICATED_ENTITIES.map(({ name }) => name).filter(
    (name) => !LEFT.includes(name) && name !== Conversation.name,
  ),
  Conversation.name,
]

/** A row as it shows, out of one vault and into another. What is sealed under the vault key is open in it. */
export interface CarriedRow {
  readonly key: string
  /** In the trash. */
  readonly deleted: boolean
  readonly values: RowValues
}

export interface CarriedBlob {
  readonly hash: string
  readonly conversationId: string
  readonly bytes: Uint8Array
}

/** A raw record of a capture, opened. */
export interface CarriedRaw {
  readonly conversationId: string
  readonly contentHash: string
  readonly capturedAt: number
  readonly bytes: Uint8Array
}

type AfterBlob = Pick<CarriedBlob, 'hash' | 'conversationId'>
type AfterRaw = Pick<CarriedRaw, 'conversationId' | 'contentHash'>

/** What carrying a vault over asks of the old one and of the new one. */
export interface CarryActions {
  /** The rows after a key, in the order of keys; none: that was all. */
  carriedRows(params: {
    readonly entity: ReplicatedEntityName
    readonly after: string
  }): readonly CarriedRow[]
  /** Says these rows anew, but for those that are there or were erased. */
  takeRows(params: { readonly entity: ReplicatedEntityName; readonly rows: readonly CarriedRow[] }): {
    readonly taken: number
  }
  /** The next one; null: that was all. */
  carriedBlob(params: AfterBlob): CarriedBlob | null
  takeBlob(params: CarriedBlob): null
  carriedRaw(params: AfterRaw): CarriedRaw | null
  takeRaw(params: CarriedRaw): null
}

const SPAN = 'span'
const RAW = 'raw'

export function carryActions(vault: Vault, wakeDerivation: () => void): CarryActions {
  return {
    carriedRows: ({ entity, after }) => carriedRows(vault, entityNamed(entity), after),
    takeRows: ({ entity, rows }) => {
      const taken = takeRows(vault, entityNamed(entity), rows)
      if (taken > 0 && entity === Conversation.name) wakeDerivation()
      return { taken }
    },
    carriedBlob: (after) => {
      const next = vault.get<AfterBlob>(
        `SELECT hash, conversation_id AS conversationId FROM blobs
         WHERE (hash, conversation_id) > (?, ?) AND chunk = 0 ORDER BY hash, conversation_id LIMIT 1`,
        [after.hash, after.conversationId],
      )
      if (!next) return null
      return { ...next, bytes: new Uint8Array(vault.getBlob(next.hash)!) }
    },
    takeBlob: ({ conversationId, bytes }) => {
      vault.transact((tx) => tx.putBlob(bytes, conversationId))
      return null
    },
    carriedRaw: ({ conversationId, contentHash }) => {
      const next = vault.get<Omit<CarriedRaw, 'bytes'> & { readonly sealed: Uint8Array }>(
        `SELECT conversation_id AS conversationId, content_hash AS contentHash, captured_at AS capturedAt, sealed
         FROM raw_records WHERE (conversation_id, content_hash) > (?, ?)
         ORDER BY conversation_id, content_hash LIMIT 1`,
        [conversationId, contentHash],
      )
      if (!next) return null
      const { sealed, ...raw } = next
      return { ...raw, bytes: new Uint8Array(vault.unseal(RAW, sealed)) }
    },
    takeRaw: ({ conversationId, contentHash, capturedAt, bytes }) => {
      vault.transact((tx) =>
        tx.run(
          `INSERT OR IGNORE INTO raw_records (conversation_id, content_hash, captured_at, sealed) VALUES (?, ?, ?, ?)`,
          [conversationId, contentHash, capturedAt, vault.seal(RAW, bytes)],
        ),
      )
      return null
    },
  }
}

function carriedRows(vault: Vault, entity: ReplicatedEntity, after: string): CarriedRow[] {
  const columns = Object.keys(entity.columns)
  const live = entity.name === Conversation.name ? '' : 'AND deleted = 0'
  return vault
    .all<Record<string, Value>>(
      `SELECT id, deleted, ${columns.join(', ')} FROM ${entity.table}
       WHERE space = ? AND id > ? ${live} ORDER BY id LIMIT ?`,
      [vault.space, after, LIMITS.carriedRows],
    )
    .map((row) => ({
      key: String(row.id),
      deleted: row.deleted === 1,
      values: Object.fromEntries(
        columns.flatMap((column) => {
          const value = opened(vault, entity, column, row[column] ?? null)
          return value === null ? [] : [[column, value]]
        }),
      ),
    }))
}

/** Null for what is of the old root key alone: consents, and that somebody holds one. */
function opened(vault: Vault, entity: ReplicatedEntity, column: string, value: Value): Value {
  if (entity.name === Contact.name && OF_THE_OLD_KEY.has(column)) return null
  if (value instanceof Uint8Array)
    return new Uint8Array(isSealed(entity, column) ? vault.unseal(SPAN, value) : value)
  return value
}

const OF_THE_OLD_KEY = new Set(['own_consent', 'their_consent', 'confirmed_at'])

function isSealed(entity: ReplicatedEntity, column: string): boolean {
  return entity.name === MessageVersion.name && column === 'sealed'
}

function takeRows(vault: Vault, entity: ReplicatedEntity, rows: readonly CarriedRow[]): number {
  return vault.transact((tx) => {
    const name = entity.name as ReplicatedEntityName
    const isNew = ({ key }: CarriedRow) =>
      !tx.isErased(name, key) &&
      tx.get(`SELECT 1 FROM ${entity.table} WHERE space = ? AND id = ?`, [vault.space, key]) === undefined
    const news = rows.filter(isNew)
    tx.write(news.flatMap((row) => changesOf(vault, entity, row)))
    if (entity.name === Conversation.name)
      tx.run(
        `INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at) SELECT value, ? FROM json_each(?)`,
        [vault.now(), JSON.stringify(news.map(({ key }) => key))],
      )
    return news.length
  })
}

function changesOf(vault: Vault, entity: ReplicatedEntity, row: CarriedRow): (FactChange | AddingChange)[] {
  const name = { entity: entity.name as ReplicatedEntityName, key: row.key }
  const parts: Record<string, Value>[] = [{}]
  const adding: AddingChange[] = []
  let size = 0
  for (const [column, value] of Object.entries(row.values)) {
    const type = entity.columns[column]?.type
    if (type === undefined || value === null) continue
    if (type === 'counter') {
      if (value !== 0) adding.push({ ...name, kind: 'COUNTER', amounts: { [column]: Number(value) } })
    } else if (type === 'shared_text') {
      const edits = { [column]: [{ at: 0, delete: 0, insert: String(value) }] }
      if (value !== '') adding.push({ ...name, kind: 'TEXT', edits })
    } else {
      const sealed = isSealed(entity, column) && value instanceof Uint8Array
      size += sizeOf(value)
      // The columns of a row were written one by one: together they may be more than one operation holds.
      if (size > LIMITS.operationBytes / 2) {
        parts.push({})
        size = sizeOf(value)
      }
      parts.at(-1)![column] = sealed ? vault.seal(SPAN, value) : value
    }
  }
  return [
    ...parts.map((values, at): FactChange => ({ ...name, kind: at === 0 ? 'INSERT' : 'UPDATE', values })),
    ...adding,
    ...(row.deleted ? [{ ...name, kind: 'DELETE' } as const] : []),
  ]
}

function sizeOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value instanceof Uint8Array ? value.length : 9
}

function entityNamed(name: ReplicatedEntityName): ReplicatedEntity {
  return ENTITY_BY_NAME.get(name)!
}
