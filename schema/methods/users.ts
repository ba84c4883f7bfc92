import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { Did, defineMethod, listOf, Millis, Page } from './method.ts'

const Passphrase = z.string().min(1).max(1_000)

export const UserItem = z.object({
  did: z.string(),
  displayName: z.string().nullable(),
  deviceDid: z.string(),
  /** The keystore is sealed and nobody has opened it since the node started. */
  locked: z.boolean(),
  /** The keystore opens without a passphrase. */
  unattended: z.boolean(),
  createdAt: Millis,
})

export const usersMethods = {
  'users.create': defineMethod({
    summary: 'Make a user: root key, device key, keystore and an empty database.',
    access: 'owner',
    params: z.strictObject({
      displayName: z.string().min(1).max(LIMITS.nameCharacters).optional(),
      passphrase: Passphrase.optional(),
      /** Default: true when there is no passphrase. */
      unattended: z.boolean().optional(),
      /** 24 words: restores that identity on this node, as a new device. */
      recoveryPhrase: z.string().max(1_000).optional(),
    }),
    result: z.object({
      did: z.string(),
      deviceDid: z.string(),
      /** Shown once. Whoever has it is this user. */
      recoveryPhrase: z.string(),
    }),
    errors: ['Conflict', 'InvalidParams', 'StorageFull'],
    examples: [
      { title: 'Unattended', params: { displayName: 'Ann' } },
      {
        title: 'With a passphrase',
        params: { displayName: 'Ben', passphrase: 'correct horse battery staple' },
      },
    ],
  }),
  'users.list': defineMethod({
    summary: 'List the users of this node.',
    access: 'owner',
    params: z.strictObject({ ...Page }),
    result: listOf(UserItem),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'users.delete': defineMethod({
    summary:
      "Remove a user's keys and database from this node, for good; `everywhere` ends the account on all their devices.",
    access: 'owner',
    params: z.strictObject({
      did: Did,
      /** The same DID again. */
      confirm: Did,
      /** `everywhere`: the root key signs that the account has ended, and devices that learn of it remove the user too. */
      scope: z.enum(['this-node', 'everywhere']).default('this-node'),
      /** For `everywhere`: the 24 words. */
      recoveryPhrase: z.string().min(1).max(1_000).optional(),
      /** Instead of the words, where this device keeps the root key under it. */
      passphrase: Passphrase.optional(),
    }),
    result: z.object({ did: z.string(), deleted: z.literal(true) }),
    errors: ['NotFound', 'InvalidParams', 'Unauthorized', 'RateLimited', 'StorageFull'],
    examples: [{ title: 'Remove', params: { did: '$did', confirm: '$did' } }],
    positional: ['did', 'confirm'],
  }),
  'users.repair': defineMethod({
    summary: "Begin a user's damaged database anew: their other devices send what they hold when they meet.",
    access: 'owner',
    params: z.strictObject({
      did: Did,
      /** The same DID again. */
      confirm: Did,
      /** Of a user who is locked. */
      passphrase: Passphrase.optional(),
    }),
    result: z.object({
      did: z.string(),
      /**
       * Where the damaged database lies on the node's disk. Only what was in it and on no other device is lost; nothing
       * removes it but its owner, and what is erased from now on stays in it.
       */
      damaged: z.string(),
    }),
    errors: ['NotFound', 'InvalidParams', 'Conflict', 'Unauthorized', 'UserUnavailable', 'StorageFull'],
    examples: [{ title: 'Repair', params: { did: '$did', confirm: '$did' } }],
    positional: ['did', 'confirm'],
    timeoutMs: 120_000,
  }),
  'users.lock': defineMethod({
    summary: "Close a user's database and forget its keys until the next sign-in.",
    access: 'owner',
    params: z.strictObject({ did: Did }),
    result: z.object({ did: z.string(), locked: z.boolean() }),
    errors: ['NotFound'],
    examples: [{ title: 'Lock', params: { did: '$did' } }],
    positional: ['did'],
  }),
}
