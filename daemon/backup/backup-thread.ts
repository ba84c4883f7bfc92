import { rmSync, statSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { VivimError } from '../../schema/errors.ts'
import { Database } from '../vault/database.ts'
import type { BackupContents } from './backup-contents.ts'
import { decryptFile, encryptFile } from './encrypted-file.ts'

export type BackupTask =
  /** Adds the contents to the database `copy` and encrypts it; `copy` is gone afterwards. */
  | {
      readonly type: 'write'
      readonly copy: string
      readonly path: string
      readonly contents: BackupContents
    }
  /** Decrypts to `into`, checks it and takes the contents out of it. */
  | { readonly type: 'read'; readonly path: string; readonly into: string }

export type BackupAnswer =
  | { readonly contents: BackupContents; readonly bytes: number }
  | { readonly code: string; readonly message: string }

const FORMAT = 'vivim.backup/1'

const { task, passphrase } = workerData as { readonly task: BackupTask; readonly passphrase: string }
parentPort!.postMessage(await answer())

async function answer(): Promise<BackupAnswer> {
  try {
    return task.type === 'write' ? await write(task) : await read(task)
  } catch (error) {
    if (error instanceof VivimError) return { code: error.code, message: error.message }
    throw error
  }
}

async function write({
  copy,
  path,
  contents,
}: Extract<BackupTask, { type: 'write' }>): Promise<BackupAnswer> {
  try {
    const database = new Database(copy)
    database.script('CREATE TABLE backup (name TEXT PRIMARY KEY, value) WITHOUT ROWID')
    for (const [name, value] of Object.entries({ format: FORMAT, ...contents }))
      database.run('INSERT INTO backup (name, value) VALUES (?, ?)', [name, value])
    database.close()
    await encryptFile(copy, path, passphrase)
  } finally {
    for (const suffix of ['', '-wal', '-shm', '.lock'])
      rmSync(`${copy}${suffix}`, { force: true, recursive: true })
  }
  return { contents, bytes: statSync(path).size }
}

async function read({ path, into }: Extract<BackupTask, { type: 'read' }>): Promise<BackupAnswer> {
  await decryptFile(path, into, passphrase)
  const database = new Database(into)
  try {
    const values = new Map(
      database
        .all<{ name: string; value: string | number | Uint8Array | null }>('SELECT name, value FROM backup')
        .map(({ name, value }) => [name, value]),
    )
    if (values.get('format') !== FORMAT)
      throw new VivimError('Corrupt', 'That backup is of a newer program.', {
        hint: 'Update vivimd and restore again.',
      })
    const [checked] = database.all<{ integrity_check: string }>('PRAGMA integrity_check(1)')
    if (checked?.integrity_check !== 'ok')
      throw new VivimError('Corrupt', 'The database in that backup is damaged.')
    // Emptied pages are overwritten: the keys are not in the restored database.
    database.script('DROP TABLE backup')
    const { did, displayName, createdAt, deviceDid, keys } = Object.fromEntries(values)
    const contents = { did, displayName, createdAt, deviceDid, keys } as unknown as BackupContents
    return { contents, bytes: statSync(path).size }
  } catch (error) {
    if (error instanceof VivimError) throw error
    throw new VivimError('Corrupt', 'That file holds no database of this program.', { cause: error })
  } finally {
    database.close()
  }
}
