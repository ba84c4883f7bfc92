import { existsSync, readdirSync, renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { VivimError } from '../../../schema/errors.ts'
import { syncFolder } from '../../identity/atomic-file.ts'
import type { Account } from './account.ts'
import { noPostgres } from './binaries.ts'
import { runWatched } from './watched-process.ts'

/** The only one who signs in, over a socket in a 0700 folder. */
export const POSTGRES_USER = 'vivimd'
const UNFINISHED = 'postgres.new'
const INITDB_MS = 120_000

/**
 * The data folder, made when there is none: under another name first, so that it is there whole or not at all.
 * @throws VivimError `Unavailable`, `Corrupt` for a folder that holds something else
 */
export async function ensureCluster(account: Account): Promise<string> {
  const { folder, binaries } = account
  const data = join(folder, 'postgres')
  for (const name of readdirSync(folder))
    if (name.startsWith(UNFINISHED)) await removeUnfinished(join(folder, name))
  if (existsSync(join(data, 'PG_VERSION'))) return data
  if (existsSync(data))
    throw new VivimError('Corrupt', "The folder of the master's database holds something else.")

  // A name of its own: one that an earlier process began may still be going down.
  const unfinished = join(folder, `${UNFINISHED}-${process.pid}-${performance.now()}`)
  const making = runWatched(account, [
    binaries.initdb,
    '-D',
    unfinished,
    `--username=${POSTGRES_USER}`,
    '--encoding=UTF8',
    '--locale=C',
    '--auth-local=trust',
    '--auth-host=reject',
    '--no-instructions',
  ])
  const deadline = setTimeout(() => making.release(), INITDB_MS)
  const code = await making.exited
  clearTimeout(deadline)
  if (code !== 0) {
    await removeUnfinished(unfinished)
    throw noPostgres('its database could not be made.', new Error(making.tail()))
  }
  renameSync(unfinished, data)
  syncFolder(folder)
  return data
}

/** Whoever fills it may be going down just now, and make one more file after the others are gone. */
function removeUnfinished(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}
