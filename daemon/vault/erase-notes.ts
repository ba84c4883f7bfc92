import {
  Annotation,
  Conversation,
  Notebook,
  NotebookEntry,
  type ReplicatedEntityName,
} from '../../schema/entities/index.ts'
import type { RowName } from './erasure.ts'
import type { OpenVault } from './open-vault.ts'
import type { VaultTransaction } from './vault.ts'

/** What an erase came to on this device. */
export interface NotesErased {
  readonly id: string
  readonly deleted: boolean
  readonly erased: boolean
  readonly purged: boolean
  readonly waitingFor: string[]
}

/** Erases rows of notes for good and takes their bytes out of the file. */
export function eraseNotes(
  vault: OpenVault,
  otherDevices: () => readonly string[],
  id: string,
  rows: readonly RowName[],
): NotesErased {
  vault.transact((tx) => vault.erase(tx, rows))
  vault.purge()
  return { id, deleted: true, erased: true, purged: true, waitingFor: [...otherDevices()] }
}

/** A notebook's row and all entries it ever had that are here. */
export function rowsOfNotebook(tx: Pick<VaultTransaction, 'all'>, space: number, id: string): RowName[] {
  return [{ entity: Notebook, key: id }, ...entriesOf(tx, space, id)]
}

function entriesOf(tx: Pick<VaultTransaction, 'all'>, space: number, notebook: string): RowName[] {
  return tx
    .all<{ id: string }>('SELECT id FROM notebook_entries WHERE space = ? AND notebook_id = ?', [
      space,
      notebook,
    ])
    .map(({ id }) => ({ entity: NotebookEntry, key: id }))
}

/**
 * Notes that another device wrote into what is erased for good: entries of an erased notebook, annotations on an erased
 * conversation. `changed` rows came in, or went, just now.
 */
export function strayNotes(
  tx: VaultTransaction,
  space: number,
  changed: { readonly entries: readonly string[]; readonly annotations: readonly string[] },
  erased: readonly RowName[],
): RowName[] {
  if (!tx.get('SELECT 1 FROM erased WHERE space = ? LIMIT 1', [space])) return []
  const gone = (entity: { readonly number: number }) =>
    erased.flatMap((row) => (row.entity.number === entity.number ? [row.key] : []))
  const within = (table: string, column: string, keys: readonly string[], parents: readonly string[]) =>
    tx.all<{ id: string; parent: string }>(
      `SELECT id, ${column} AS parent FROM ${table} WHERE space = ?1 AND ${column} IS NOT NULL
         AND (id IN (SELECT value FROM json_each(?2)) OR ${column} IN (SELECT value FROM json_each(?3)))`,
      [space, JSON.stringify(keys), JSON.stringify(parents)],
    )
  const isGone = (name: ReplicatedEntityName) => (row: { parent: string }) => tx.isErased(name, row.parent)
  return [
    ...within('notebook_entries', 'notebook_id', changed.entries, gone(Notebook))
      .filter(isGone('Notebook'))
      .map(({ id }) => ({ entity: NotebookEntry, key: id })),
    ...within('annotations', 'conversation_id', changed.annotations, gone(Conversation))
      .filter(isGone('Conversation'))
      .map(({ id }) => ({ entity: Annotation, key: id })),
  ]
}
