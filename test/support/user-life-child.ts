/**
 * Makes or deletes one user and kills itself, hard, before the n-th change of the file system; n = 0 never does.
 * Arguments: folder, `create` or `delete`, n. Prints one JSON line per step.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { Keystore } from '../../daemon/identity/keystore.ts'
import { UserDatabaseManager } from '../../daemon/users/user-database-manager.ts'
import { command, commandsInThread } from './command-hosts.ts'

const CHANGES = [
  'openSync',
  'writeSync',
  'fsyncSync',
  'ftruncateSync',
  'linkSync',
  'renameSync',
  'unlinkSync',
  'rmSync',
  'mkdirSync',
  'rmdirSync',
  'chmodSync',
] as const

const [folder = '', mode = '', killAt = '0'] = process.argv.slice(2)
const write = fs.writeSync
const say = (step: object) => write(1, `${JSON.stringify(step)}\n`)

let changes = 0
function countChanges(): void {
  const table = fs as unknown as Record<string, (...args: unknown[]) => unknown>
  for (const name of CHANGES) {
    const original = table[name]!
    table[name] = (...args) => {
      if (++changes === Number(killAt)) process.kill(process.pid, 'SIGKILL')
      return original.apply(fs, args)
    }
  }
  syncBuiltinESMExports()
}

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
const log = { error: () => undefined, warn: () => undefined }
const keystore = new Keystore({ folder: join(folder, 'keys'), now: Date.now, random })
const users = new UserDatabaseManager({
  usersFolder: join(folder, 'users'),
  keystore,
  openHost: commandsInThread,
  now: Date.now,
  random,
  log,
})

if (mode === 'create') {
  countChanges()
  const { did } = await users.createUser({ displayName: 'Rosalind Canary' })
  say({ created: did })
} else {
  const { did } = await users.createUser({ displayName: 'Rosalind Canary' })
  await command(await users.getClient(did), 'write my canary diary')
  say({ created: did })
  countChanges()
  await users.deleteUserDatabase(did)
  say({ deleted: did })
}
say({ changes })
await users.closeAll()
