import type { Authority } from './authority.ts'
import type { Database } from './database.ts'
import type { Erasures } from './erasures.ts'
import type { Logs } from './logs.ts'
import type { Members } from './members.ts'
import { removeCopies } from './migrations.ts'

export interface PurgedVault {
  readonly database: Database
  readonly erasures: Erasures
  readonly members: Members
  readonly authority: Authority
  readonly logs: Logs
  readonly ownLog: number
  readonly now: () => number
}

/** True while deleted bytes may still stand in the file. */
export function isPurgePending(database: Database): boolean {
  return database.get('SELECT 1 FROM pending_purges LIMIT 1') !== undefined
}

/** Rewrites the file, and takes copies of it away. */
export function purgeFile({ database, now }: PurgedVault, path: string): void {
  removeCopies(path, 0, now())
  database.compact()
  database.run('DELETE FROM pending_purges')
  database.checkpoint()
}

/** What this device owes the others to say of what it purged; undefined when nothing. */
export function owedAcknowledgement(
  vault: PurgedVault,
): { readonly deviceDid: string; readonly purged: Uint8Array } | undefined {
  const { members, authority, logs, ownLog, erasures } = vault
  const own = logs.deviceOf(ownLog).device
  const all = members.list()
  const deviceDid = all.find(({ device }) => Buffer.compare(device, own) === 0)?.deviceDid
  if (deviceDid === undefined || all.length < 2 || authority.isTakenOut(own)) return undefined
  const purged = erasures.owedBy(deviceDid)
  return purged && { deviceDid, purged }
}
