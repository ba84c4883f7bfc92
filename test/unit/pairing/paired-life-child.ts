/**
 * Makes a user from what another device handed over, and kills itself, hard, before the n-th change of the file system;
 * n = 0 never does. Arguments: folder, n. Prints the number of changes as one JSON line.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../../../daemon/identity/device-certificate.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { Keystore } from '../../../daemon/identity/keystore.ts'
import { makeSecrets } from '../../../daemon/identity/user-keys.ts'
import { createPairedUser } from '../../../daemon/users/create-user.ts'
import { UserDatabaseManager } from '../../../daemon/users/user-database-manager.ts'
import { commandsInThread } from '../../support/command-hosts.ts'

const CHANGES = [
  'openSync',
  'writeSync',
  'fsyncSync',
  'linkSync',
  'renameSync',
  'unlinkSync',
  'rmSync',
  'mkdirSync',
]
const [folder = '', killAt = '0'] = process.argv.slice(2)
const write = fs.writeSync

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
const keystore = new Keystore({ folder: join(folder, 'keys'), now: Date.now, random })
const usersFolder = join(folder, 'users')
const users = new UserDatabaseManager({
  usersFolder,
  keystore,
  openHost: commandsInThread,
  now: Date.now,
  random,
  log: { error: () => undefined, warn: () => undefined },
})
const rootKey = privateKeyOfSeed(random(32))
const did = encodeDid(publicKeyBytes(rootKey))
const secrets = makeSecrets(random)
const certificate = issueDeviceCertificate(rootKey, {
  did,
  deviceDid: encodeDid(publicKeyBytes(privateKeyOfSeed(secrets.deviceSeed))),
  issuer: did,
  capabilities: PAIRED_CAPABILITIES,
  sequence: 1,
  issuedAt: Date.now(),
})
countChanges()
await createPairedUser(
  { keystore, usersFolder, random, createDatabase: (keys) => users.createUserDatabase(keys) },
  { did, displayName: 'Rosalind Canary', secrets, chain: [certificate], unattended: true },
)
write(1, `${JSON.stringify({ changes })}\n`)
await users.closeAll()
