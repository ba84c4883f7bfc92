import { type Dirent, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** `<users>/<aa>/<hash>/` and one below it. */
const DEPTH = 4

/**
 * node-sqlite3-wasm locks a database with a folder beside it, which stays when the process is killed and makes every
 * later open fail. Removes them all; only for the holder of the data-directory lock, before anything is opened.
 * Returns how many there were.
 */
export function removeStaleDatabaseLocks(users: string, depth = DEPTH): number {
  let removed = 0
  for (const entry of foldersIn(users)) {
    const path = join(users, entry.name)
    if (entry.name.endsWith('.lock')) {
      rmSync(path, { recursive: true, force: true })
      removed++
    } else if (depth > 1) removed += removeStaleDatabaseLocks(path, depth - 1)
  }
  return removed
}

/** Links are not followed. */
function foldersIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
