import { dropUnnamedBlobs } from './blob-transfer.ts'
import type { VaultTransaction } from './vault.ts'

/** Takes out what this device alone keeps of conversations that are erased: raw records, blobs, uploads, waiting work. */
export function forgetTraces(tx: VaultTransaction, conversationIds: readonly string[]): void {
  const list = JSON.stringify(conversationIds)
  // An upload that stands still holds the conversation too; what runs goes on without what it stored.
  tx.run(
    `UPDATE import_jobs SET data = NULL WHERE state NOT IN ('queued', 'running') AND id IN (
       SELECT job_id FROM capture_attempts WHERE conversation_id IN (SELECT value FROM json_each(?)))`,
    [list],
  )
  for (const table of ['raw_records', 'blobs', 'derivation_queue', 'capture_attempts'])
    tx.run(`DELETE FROM ${table} WHERE conversation_id IN (SELECT value FROM json_each(?))`, [list])
  dropUnnamedBlobs(tx)
}
