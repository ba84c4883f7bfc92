/**
 * Imports a path into a vault and says the digest of its rows at the end, or kills itself, hard, before the n-th change of
 * a file; n = 0 never does. Whatever jobs the vault has from before go on first. Argument: a file with an ImportOrder.
 */
import { createHash, createPrivateKey } from 'node:crypto'
import fs, { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { ImportJobs } from '../../daemon/capture/import-jobs.ts'
import { verify } from '../../daemon/identity/ed25519.ts'
import { memberReader } from '../../daemon/identity/member-reader.ts'
import { removeStaleLock } from '../../daemon/users/stale-lock.ts'
import { openVault } from '../../daemon/vault/open-vault.ts'
import { factRows } from '../../daemon/vault/state-digest.ts'
import { REPLICATED_ENTITIES } from '../../schema/entities/index.ts'

/** What the parent writes; bytes in base64. */
export interface ImportOrder {
  readonly path: string
  readonly source: string
  readonly killAt: number
  readonly deviceKey: string
  readonly vaultKey: string
  readonly spaceSecret: string
}

/** What a child prints at the end. */
export interface ImportOutcome {
  readonly digest: string
  readonly counts: object
  /** Changes of files from the beginning of the import on. */
  readonly changes: number
}

const order = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as ImportOrder
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
const did = 'did:key:z6MkTest'
// The clock stands still, so that what was captured when does not tell one import from another.
const now = () => Date.UTC(2026, 0, 1)
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

removeStaleLock(order.path)
const vault = openVault({
  path: order.path,
  did,
  deviceKey: createPrivateKey(order.deviceKey),
  vaultKey: bytes(order.vaultKey),
  spaceSecret: bytes(order.spaceSecret),
  verify,
  readMember: memberReader(did),
  verifyRoot: () => false,
  now,
  random,
})

let changes = 0
const table = fs as unknown as Record<string, (...args: unknown[]) => unknown>
for (const name of ['writeSync', 'fsyncSync', 'ftruncateSync', 'unlinkSync']) {
  const original = table[name]!
  table[name] = (...args) => {
    if (++changes === order.killAt) process.kill(process.pid, 'SIGKILL')
    return original.apply(fs, args)
  }
}
syncBuiltinESMExports()

const jobs = new ImportJobs({
  vault,
  random,
  privateFolders: [],
  pace: async () => {},
  wakeDerivation() {},
  async indexed() {},
  onUnexpected(error) {
    throw error
  },
})
jobs.resumeAll()
// A crash before the job was acknowledged leaves none: then the caller asks again.
const [found] = jobs.list({ limit: 1 })
const id = found?.jobId ?? (await jobs.create({ path: order.source }, { again: false }))
await jobs.wait(id, 'stored', new AbortController().signal)
const { jobId: _, queuedAt: __, finishedAt: ___, ...counts } = jobs.report(id)
const outcome: ImportOutcome = { digest: digestOfRows(), counts, changes }
await jobs.close()
vault.close()
process.stdout.write(JSON.stringify(outcome))

/** All that replicates, and how many operations it took; stamps differ between any two vaults. */
function digestOfRows(): string {
  const hash = createHash('sha256')
  for (const entity of REPLICATED_ENTITIES)
    for (const { clock: _, space: __, ...row } of factRows(vault, vault.space, entity))
      hash.update(JSON.stringify(row))
  for (const sql of [
    'SELECT count(*) FROM sync_operations',
    'SELECT hash, conversation_id, chunk FROM blobs ORDER BY 1, 2, 3',
    'SELECT conversation_id, content_hash, raw_tag FROM raw_records ORDER BY 1, 2',
    'SELECT conversation_id, status, count(*) FROM capture_attempts GROUP BY 1, 2 ORDER BY 1, 2',
  ])
    hash.update(JSON.stringify(vault.all(sql)))
  return hash.digest('hex')
}
