import { decodeOperation, encodeOperation, type Operation } from '../../crdt/operation.ts'
import type { TextEdit } from '../../crdt/text.ts'
import {
  ENTITY_BY_NUMBER,
  type ReplicatedEntity,
  type ReplicatedEntityName,
} from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import type { OpenVault } from './open-vault.ts'
import { columnNames } from './row-store.ts'
import { sharedColumns } from './shared-column-store.ts'
import type { Sql } from './sql.ts'
import type { AddingChange } from './vault.ts'

/** What was written to one row while nobody heard of it, as one operation. */
export interface RecoveredRow {
  /** The device that wrote it. */
  readonly device: Uint8Array
  readonly operation: Operation
  /** The conversation it belongs to: whose erase takes it along. */
  readonly conversationId: string | null
}

interface StoredItem {
  readonly id: number
  readonly at: number
  readonly device: Uint8Array
  readonly conversation_id: string | null
  readonly body: Uint8Array
}

export function addRecovered(sql: Sql, { device, operation, conversationId }: RecoveredRow): void {
  sql.run(
    'INSERT INTO recovered_items (at, device, table_no, key, conversation_id, body) VALUES (?, ?, ?, ?, ?, ?)',
    [
      operation.hlc.ms,
      device,
      operation.table,
      operation.key as string,
      conversationId,
      encodeOperation(operation),
    ],
  )
}

/** Nothing that came too late is applied silently: its owner takes it back or lets it go. */
export class RecoveredItems {
  readonly #vault: OpenVault
  readonly #didOf: (device: Uint8Array) => string
  readonly #show: (
    values: Operation['columns'],
    table: number,
    maxLevel: number,
  ) => Record<string, string | number | null>
  readonly #wakeDerivation: () => void

  constructor(options: {
    readonly vault: OpenVault
    readonly didOf: (device: Uint8Array) => string
    /** Column names and values, masked above a level. */
    readonly show: (
      values: Operation['columns'],
      table: number,
      maxLevel: number,
    ) => Record<string, string | number | null>
    readonly wakeDerivation: () => void
  }) {
    this.#vault = options.vault
    this.#didOf = options.didOf
    this.#show = options.show
    this.#wakeDerivation = options.wakeDerivation
  }

  list({ limit }: Params<'sync.recovered.list'>, maxLevel: number): Result<'sync.recovered.list'> {
    const items = this.#stored().slice(0, limit)
    return {
      items: items.map(({ id, at, device, conversation_id, body }) => {
        const { table, key, columns } = decodeOperation(body)
        return {
          id: String(id),
          at,
          deviceDid: this.#didOf(device),
          tableName: ENTITY_BY_NUMBER.get(table)?.name ?? String(table),
          recordId: String(key),
          conversationId: conversation_id,
          payload: this.#show(columns, table, maxLevel),
        }
      }),
      nextCursor: null,
    }
  }

  /** Writes them, now, by this device: rows that are gone come back with what the items hold. */
  accept({ id }: Params<'sync.recovered.accept'>): Result<'sync.recovered.accept'> {
    const items = this.#named(id)
    this.#vault.transact((tx) => {
      for (const { id: number, body } of items) {
        const { table, key, columns } = decodeOperation(body)
        const entity = ENTITY_BY_NUMBER.get(table)!
        const name = entity.name as ReplicatedEntityName
        const names = columnNames(entity)
        tx.run('DELETE FROM recovered_items WHERE id = ?', [number])
        if (tx.isErased(name, String(key))) continue
        const { plain, adding } = parted(entity, columns)
        const values = Object.fromEntries(plain.map(([column, value]) => [names.get(column)!, value]))
        const deleted = tx.get<{ deleted: number }>(
          `SELECT deleted FROM ${entity.table} WHERE space = ? AND id = ?`,
          [this.#vault.space, String(key)],
        )?.deleted
        tx.write([
          { kind: 'INSERT', entity: name, key: String(key), values },
          ...(deleted ? [{ kind: 'UNDELETE' as const, entity: name, key: String(key) }] : []),
          ...adding.map((part): AddingChange => ({ ...part, entity: name, key: String(key) })),
        ])
      }
      for (const { conversation_id } of items)
        if (conversation_id !== null)
          tx.run('INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at) VALUES (?, ?)', [
            conversation_id,
            this.#vault.now(),
          ])
    })
    this.#wakeDerivation()
    return { items: items.length }
  }

  dismiss({ id }: Params<'sync.recovered.dismiss'>): Result<'sync.recovered.dismiss'> {
    const items = this.#named(id)
    this.#vault.transact((tx) => {
      for (const { id: number } of items) tx.run('DELETE FROM recovered_items WHERE id = ?', [number])
    })
    return { items: items.length }
  }

  /** @throws VivimError `NotFound` */
  #named(id: string): StoredItem[] {
    const stored = this.#stored()
    const items =
      id === 'all' ? stored : stored.filter((item) => String(item.id) === id || item.conversation_id === id)
    if (items.length === 0)
      throw new VivimError('NotFound', 'There is no such recovered item.', {
        hint: '`vivimd sync recovered` lists them.',
      })
    return items
  }

  #stored(): StoredItem[] {
    return this.#vault.all<StoredItem>('SELECT * FROM recovered_items ORDER BY id')
  }
}

type AddingPart =
  | { readonly kind: 'COUNTER'; readonly amounts: Readonly<Record<string, number>> }
  | { readonly kind: 'TEXT'; readonly edits: Readonly<Record<string, readonly TextEdit[]>> }

/** Texts are written at the beginning of what is there by now, counts are added. */
function parted(entity: ReplicatedEntity, columns: Operation['columns']) {
  const shared = new Map(sharedColumns(entity).map(([name, { number, type }]) => [number, { name, type }]))
  return {
    plain: [...columns].filter(([column]) => !shared.has(column)),
    adding: [...columns].flatMap(([column, value]): AddingPart[] => {
      const { name, type } = shared.get(column) ?? {}
      if (name === undefined) return []
      if (type === 'counter') return [{ kind: 'COUNTER' as const, amounts: { [name]: Number(value) } }]
      const edits = { [name]: [{ at: 0, delete: 0, insert: String(value) }] }
      return [{ kind: 'TEXT' as const, edits }]
    }),
  }
}
