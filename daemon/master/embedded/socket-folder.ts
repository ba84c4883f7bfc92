import { createHash } from 'node:crypto'
import { chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Account } from './account.ts'

/** Only names the socket; nothing listens on a port. */
export const SOCKET_NUMBER = 5432
/** The kernel's limit on the path of a socket. */
const PATH_BYTES = 107

export interface SocketFolder {
  readonly path: string
  remove(): void
}

/** A 0700 folder for the socket: beside the data, or in the system's temp directory where that path is too long. */
export function makeSocketFolder(account: Account): SocketFolder {
  const natural = join(account.folder, 'socket')
  const path = fits(natural) ? ours(natural, account) : inTempDirectory(account)
  // A socket that a killed PostgreSQL left, and its lock, which names a pid that may be somebody else's by now.
  for (const name of readdirSync(path)) rmSync(join(path, name), { force: true })
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, `.s.PGSQL.${SOCKET_NUMBER}`)) <= PATH_BYTES
}

/** Under one name for one home, so that what a killed process left is used again; another if somebody has taken it. */
function inTempDirectory(account: Account): string {
  const name = `vivimd-pg-${createHash('sha256').update(account.folder).digest('hex').slice(0, 8)}`
  try {
    return ours(join(tmpdir(), name), account)
  } catch {
    return given(mkdtempSync(join(tmpdir(), 'vivimd-pg-')), account)
  }
}

function ours(path: string, account: Account): string {
  try {
    mkdirSync(path, { mode: 0o700 })
    return given(path, account)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const found = lstatSync(path)
  const owner = account.uid ?? process.getuid?.()
  if (!found.isDirectory() || found.uid !== owner || (found.mode & 0o077) !== 0)
    throw new Error('that folder is not ours')
  return path
}

function given(path: string, { uid, gid }: Account): string {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
  return path
}
