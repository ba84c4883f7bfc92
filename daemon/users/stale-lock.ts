import { rmSync } from 'node:fs'

/**
 * node-sqlite3-wasm locks a database with a folder beside it, which outlives a killed thread or process and makes
 * every later open fail. Only for whoever holds the data-directory lock and knows that nothing has the file open.
 */
export function removeStaleLock(databasePath: string): void {
  rmSync(`${databasePath}.lock`, { recursive: true, force: true })
}
