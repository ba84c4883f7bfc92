import type { LogPosition } from '../../crdt/frontier.ts'
import { addsUp, TOMBSTONE, writesOf } from '../../crdt/merge.ts'
import { decodeOperation, type Operation } from '../../crdt/operation.ts'
import type { SnapshotHeader } from '../../crdt/snapshot.ts'
import { compareStamps, type Stamp, unpackStamps } from '../../crdt/stamps.ts'
import { validityOf } from '../../crdt/validity.ts'
import {
  Annotation,
  ConversationTag,
  Device,
  ENTITY_BY_NUMBER,
  Floor,
  Message,
  MessageVersion,
  NotebookEntry,
  type ReplicatedEntityName,
  type Value,
} from '../../schema/entities/index.ts'
import { messageOf } from './conversation-rows.ts'
import type { OpenVault } from './open-vault.ts'
import type { RecoveredRow } from './recovered-items.ts'
import { columnNames } from './row-store.ts'
import { lastTakenIn } from './snapshot-lineage.ts'
import { addingChanges, shownAdding, unsentAdding } from './unsent-shared.ts'
import type { AddingChange, FactChange, VaultTransaction } from './vault.ts'

/** An operation that is in no snapshot and will not come again. */
export interface UnsentOperation {
  readonly operation: Operation
  readonly device: Uint8Array
  readonly stamp: Stamp
  /** The log that it stands in where the snapshot was made. */
  readonly within: Pick<LogPosition, 'device' | 'incarnation'>
  /** Of a change that adds up: what its row's counters and texts showed with it. */
  readonly shown?: readonly (readonly [number, Value])[]
}

/** What this device says of itself is said anew when it is time. */
const SAID_ANEW = new Set<number>([
  Device.columns.purged.number,
  Device.columns.holds.number,
  Device.columns.floor.number,
])

/**
 * Operations beyond what a snapshot takes in: of logs that end there, and of this device's own logs, which are left.
 * Those of other logs come again.
 */
export function unsentOperations(vault: OpenVault, header: SnapshotHeader): UnsentOperation[] {
  const { logs, space, ownLog } = vault
  const own = logs.deviceOf(ownLog).device
  return logs.list(space).flatMap((log) => {
    const position = lastTakenIn(vault, header, log)
    if (Buffer.compare(log.device, own) !== 0 && !position?.closed) return []
    return vault
      .all<{ hash: Uint8Array; body: Uint8Array }>(
        'SELECT hash, body FROM sync_operations WHERE log = ? AND seq > ? AND body IS NOT NULL ORDER BY seq',
        [log.ref, position?.sequence ?? 0],
      )
      .map(({ hash, body }) => {
        const operation = decodeOperation(body)
        const { ms, counter } = operation.hlc
        const stamp = { ms, counter, log: log.ref, hash: hash.slice(0, 8) }
        const shown = addsUp(operation) && shownAdding(vault, operation.table, operation.key as string)
        const within = position ?? log
        return { operation, device: log.device, stamp, within, ...(shown && { shown }) }
      })
  })
}

interface FoldedRow {
  readonly operation: Operation
  readonly device: Uint8Array
  readonly own: boolean
  readonly columns: Map<number, { value: Value; stamp: Stamp }>
  /** Changes of its counters and texts. */
  readonly adding: UnsentOperation[]
}

/**
 * Row by row: columns that still win are written again where the row is there; what has no living row is lost unless
 * its owner wants it back, and so is what another device had written.
 */
export function foldUnsent(
  vault: OpenVault,
  tx: VaultTransaction,
  unsent: readonly UnsentOperation[],
): { changes: (FactChange | AddingChange)[]; lost: RecoveredRow[] } {
  const own = vault.logs.deviceOf(vault.ownLog).device
  const rows = new Map<string, FoldedRow>()
  for (const one of unsent) {
    const { operation, device, stamp } = one
    if (validityOf(operation) !== 'valid' || operation.kind === 'ERASE' || operation.table === Floor.number)
      continue
    const isOwn = Buffer.compare(device, own) === 0
    const name = `${operation.table}:${operation.key}:${isOwn}`
    const row: FoldedRow = rows.get(name) ?? { operation, device, own: isOwn, columns: new Map(), adding: [] }
    if (addsUp(operation)) row.adding.push(one)
    for (const [column, value] of writesOf(operation)) {
      if (operation.table === Device.number && SAID_ANEW.has(column)) continue
      const present = row.columns.get(column)
      if (!present || compareStamps(stamp, present.stamp, vault.logs.deviceOf) > 0)
        row.columns.set(column, { value, stamp })
    }
    rows.set(name, { ...row, operation })
  }
  const folded = [...rows.values()].filter(({ columns, adding }) => columns.size + adding.length > 0)
  const changes: (FactChange | AddingChange)[] = []
  const lost: RecoveredRow[] = []
  for (const row of folded) {
    const { entity, key } = nameOf(row)
    if (tx.isErased(entity.name as ReplicatedEntityName, key)) continue
    const present = tx.get<{ clock: Uint8Array; deleted: number }>(
      `SELECT clock, deleted FROM ${entity.table} WHERE space = ? AND id = ?`,
      [vault.space, key],
    )
    if (present && present.deleted === 0 && row.own)
      changes.push(
        ...winning(vault, row, present.clock),
        ...addingChanges(unsentAdding(vault, row.adding, entity.number, key)),
      )
    // A device's name says nothing of what is past.
    else if (!present && row.own && entity.number === Device.number) changes.push(...winning(vault, row))
    else if (row.columns.get(TOMBSTONE)?.value !== 1 && row.operation.table !== Device.number)
      lost.push(recovered(vault, row, folded))
  }
  return { changes, lost }
}

function winning(vault: OpenVault, row: FoldedRow, clock: Uint8Array = new Uint8Array(0)): FactChange[] {
  const { entity, key } = nameOf(row)
  const stamps = unpackStamps(clock)
  const names = columnNames(entity)
  const won = [...row.columns].filter(([column, { stamp }]) => {
    const present = stamps.get(column)
    return !present || compareStamps(stamp, present, vault.logs.deviceOf) > 0
  })
  const values = Object.fromEntries(
    won.filter(([column]) => column !== TOMBSTONE).map(([column, { value }]) => [names.get(column)!, value]),
  )
  const deleted = won.some(([column, { value }]) => column === TOMBSTONE && value === 1)
  const name = entity.name as ReplicatedEntityName
  return [
    ...(Object.keys(values).length > 0 ? [{ kind: 'UPDATE' as const, entity: name, key, values }] : []),
    ...(deleted ? [{ kind: 'DELETE' as const, entity: name, key }] : []),
  ]
}

function recovered(vault: OpenVault, row: FoldedRow, all: readonly FoldedRow[]): RecoveredRow {
  const { operation, columns, device, adding } = row
  const values = new Map<number, Value>([
    ...[...columns].filter(([column]) => column !== TOMBSTONE).map(([c, { value }]) => [c, value] as const),
    ...adding.flatMap(({ shown = [] }) => shown),
  ])
  return {
    device,
    operation: { ...operation, kind: 'UPDATE', columns: values },
    conversationId: conversationOf(vault, row, all),
  }
}

function conversationOf(vault: OpenVault, row: FoldedRow, all: readonly FoldedRow[]): string | null {
  const { entity, key } = nameOf(row)
  const written = (folded: FoldedRow, column: number) => {
    const value = folded.columns.get(column)?.value
    return typeof value === 'string' ? value : undefined
  }
  const stored = (table: string, id: string) =>
    vault.get<{ id: string | null }>(
      `SELECT conversation_id AS id FROM ${table} WHERE space = ? AND id = ?`,
      [vault.space, id],
    )?.id ?? null
  switch (entity.number) {
    case Message.number:
      return written(row, Message.columns.conversation_id.number) ?? stored(entity.table, key)
    case ConversationTag.number:
      return written(row, ConversationTag.columns.conversation_id.number) ?? stored(entity.table, key)
    case MessageVersion.number: {
      const message = messageOf(key)
      const unsent = all.find(
        (other) => other.operation.table === Message.number && other.operation.key === message,
      )
      return (
        (unsent && written(unsent, Message.columns.conversation_id.number)) ?? stored(Message.table, message)
      )
    }
    case Annotation.number:
      return written(row, Annotation.columns.conversation_id.number) ?? stored(entity.table, key)
    case NotebookEntry.number:
      return written(row, NotebookEntry.columns.notebook_id.number) ?? null
    default:
      return key
  }
}

function nameOf({ operation }: FoldedRow) {
  return { entity: ENTITY_BY_NUMBER.get(operation.table)!, key: operation.key as string }
}
