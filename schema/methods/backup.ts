import { z } from 'zod'
import { Did, defineMethod, Millis } from './method.ts'

/** Hours, for many gigabytes on a slow disk. */
const TIMEOUT_MS = 4 * 60 * 60 * 1_000

const Path = z.string().min(1).max(4_096)
const Passphrase = z.string().min(1).max(1_000)

const Backup = z.object({
  path: z.string(),
  /** Bytes of the file. */
  bytes: z.int(),
  did: z.string(),
  displayName: z.string().nullable(),
  createdAt: Millis,
  /** The backup is a device of the person: whoever loses the file takes this one out. */
  deviceDid: z.string(),
})

export const backupMethods = {
  'backup.create': defineMethod({
    summary: "Write a user's database and keys to one encrypted file (age).",
    access: 'owner',
    params: z.strictObject({
      did: Did,
      /** Absolute; there must be no file. */
      path: Path,
      /** Encrypts the file: without it nobody opens it. */
      passphrase: Passphrase,
    }),
    result: Backup,
    errors: ['Unauthorized', 'NotFound', 'Conflict', 'InvalidParams', 'StorageFull', 'UserUnavailable'],
    examples: [
      {
        title: 'To another disk',
        params: { did: '$did', path: '/media/stick/ann.age', passphrase: 'correct horse battery staple' },
      },
    ],
    positional: ['did', 'path'],
    timeoutMs: TIMEOUT_MS,
  }),
  'backup.verify': defineMethod({
    summary: 'Open a backup and check everything in it, without restoring it.',
    access: 'owner',
    params: z.strictObject({ path: Path, passphrase: Passphrase }),
    result: Backup,
    errors: ['Unauthorized', 'NotFound', 'Corrupt', 'InvalidParams', 'StorageFull'],
    examples: [
      {
        title: 'Check',
        params: { path: '/media/stick/ann.age', passphrase: 'correct horse battery staple' },
      },
    ],
    positional: ['path'],
    timeoutMs: TIMEOUT_MS,
  }),
  'backup.restore': defineMethod({
    summary: 'Make the user of a backup on this node, as a new device of theirs.',
    access: 'owner',
    params: z.strictObject({
      path: Path,
      passphrase: Passphrase,
      /** Keys that open without a passphrase; otherwise the backup's own is the user's here. */
      unattended: z.boolean().default(false),
    }),
    result: z.object({
      did: z.string(),
      displayName: z.string().nullable(),
      /** When the backup was made. */
      createdAt: Millis,
      /** The new device. */
      deviceDid: z.string(),
    }),
    errors: ['Unauthorized', 'NotFound', 'Corrupt', 'Conflict', 'InvalidParams', 'StorageFull'],
    examples: [
      {
        title: 'On a new machine',
        params: { path: '/media/stick/ann.age', passphrase: 'correct horse battery staple' },
      },
    ],
    positional: ['path'],
    timeoutMs: TIMEOUT_MS,
  }),
}
