import type { TextEdit } from '../../crdt/text.ts'
import { readTextChange } from '../../crdt/text.ts'
import { ENTITY_BY_NUMBER, type ReplicatedEntityName, type Value } from '../../schema/entities/index.ts'
import type { OpenVault } from './open-vault.ts'
import { sharedColumns } from './shared-column-store.ts'
import type { UnsentOperation } from './unsent.ts'
import type { AddingChange } from './vault.ts'

/** What was added to the counters and texts of one row while nobody heard of it. */
export interface UnsentAdding {
  readonly name: ReplicatedEntityName
  readonly key: string
  /** Counter → how much. */
  readonly amounts: Readonly<Record<string, number>>
  /** Text → the edits that put it into the text as it is now. */
  readonly edits: Readonly<Record<string, readonly TextEdit[]>>
}

/**
 * Counts that go beyond what the snapshot holds of their logs, and edits as they are in the text that is there now:
 * another log says them, so its own client writes them. What another device removed meanwhile stays removed.
 */
export function unsentAdding(
  vault: OpenVault,
  unsent: readonly UnsentOperation[],
  table: number,
  key: string,
): UnsentAdding {
  const entity = ENTITY_BY_NUMBER.get(table)!
  const { rows, space } = vault
  const amounts: Record<string, number> = {}
  const edits: Record<string, readonly TextEdit[]> = {}
  for (const [name, { type, number }] of sharedColumns(entity)) {
    const own = unsent.filter(({ operation }) => operation.columns.has(number))
    if (type === 'counter') {
      // A log says each time what it contributes in all: its last word counts.
      const last = new Map(own.map(({ operation, stamp }) => [stamp.log, operation.columns.get(number)]))
      const amount = [...last].reduce(
        (sum, [log, value]) =>
          sum + Number(value) - rows.shared.contribution(space, entity, key, number, log),
        0,
      )
      if (amount !== 0) amounts[name] = amount
      continue
    }
    const updates = own.flatMap(({ operation, stamp }) => {
      const change = readTextChange(operation.columns.get(number), rows.shared.logOf(stamp.log))
      return change ? [change.update] : []
    })
    const made = rows.shared.text(space, entity, key, number).editsOf(updates)
    if (made.length > 0) edits[name] = made
  }
  return { name: entity.name as ReplicatedEntityName, key, amounts, edits }
}

export function addingChanges({ name: entity, key, amounts, edits }: UnsentAdding): AddingChange[] {
  return [
    ...(Object.keys(amounts).length > 0 ? [{ kind: 'COUNTER' as const, entity, key, amounts }] : []),
    ...(Object.keys(edits).length > 0 ? [{ kind: 'TEXT' as const, entity, key, edits }] : []),
  ]
}

/** What a row's counters and texts show now, by column. */
export function shownAdding(vault: OpenVault, table: number, key: string): (readonly [number, Value])[] {
  const entity = ENTITY_BY_NUMBER.get(table)
  const row =
    entity &&
    vault.get<Record<string, Value>>(`SELECT * FROM ${entity.table} WHERE space = ? AND id = ?`, [
      vault.space,
      key,
    ])
  if (!entity || !row) return []
  return sharedColumns(entity).flatMap(([name, { number }]) =>
    row[name] ? [[number, row[name]] as const] : [],
  )
}
