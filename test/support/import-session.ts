import { randomBytes } from 'node:crypto'
import { ImportJobs } from '../../daemon/capture/import-jobs.ts'
import type { ImportSource } from '../../daemon/capture/sources/open-source.ts'
import type { ImportReport } from '../../schema/methods/capture.ts'
import { type TemporaryVault, temporaryVault } from './temporary-vault.ts'

export interface ImportSession {
  readonly vaults: TemporaryVault
  /** Imports to the end; throws what refused the job. */
  imported(source: ImportSource): Promise<ImportReport>
  /** Rows and operations that replicate, and those of the derivation: equal numbers and hashes mean nothing changed. */
  facts(): unknown
  [Symbol.asyncDispose](): Promise<void>
}

/** A vault with import jobs, without a node around it. */
export function importSession(): ImportSession {
  const vaults = temporaryVault()
  const jobs = new ImportJobs({
    vault: vaults.vault,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    privateFolders: [],
    pace: async () => {},
    wakeDerivation() {},
    async indexed() {},
    onUnexpected(error) {
      throw error
    },
  })
  return {
    vaults,
    async imported(source) {
      const id = await jobs.create(source, { again: false })
      await jobs.wait(id, 'stored', new AbortController().signal)
      return jobs.report(id)
    },
    facts: () =>
      [
        'SELECT count(*) FROM sync_operations',
        'SELECT * FROM conversations ORDER BY id',
        'SELECT * FROM messages ORDER BY id',
        'SELECT * FROM message_versions ORDER BY id',
        'SELECT * FROM derivation_queue ORDER BY number',
        'SELECT hash, conversation_id, chunk FROM blobs ORDER BY 1, 2, 3',
        'SELECT conversation_id, content_hash FROM raw_records ORDER BY 1, 2',
      ].map((sql) => vaults.vault.all(sql)),
    async [Symbol.asyncDispose]() {
      await jobs.close()
      vaults[Symbol.dispose]()
    },
  }
}
