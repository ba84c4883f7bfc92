import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { Did, defineMethod, listOf, Millis, Page } from './method.ts'

const Passphrase = z.string().min(1).max(1_000)

/** A vault of many gigabytes is carried over by one call; ms. */
const SUCCEED_MS = 4 * 60 * 60 * 1_000

/** A DID and words to ask with; nobody has them. */
const SOMEBODY = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
const PHRASE = `${'abandon '.repeat(23)}art`

export const UserItem = z.object({
  did: z.string(),
  displayName: z.string().nullable(),
  deviceDid: z.string(),
  /** The keystore is sealed and nobody has opened it since the node started. */
  locked: z.boolean(),
  /** The keystore opens without a passphrase. */
  unattended: z.boolean(),
  createdAt: Millis,
  /** Their root key has a successor: they go on as another user. */
  succeeded: z.literal(true).optional(),
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
  'users.succeed': defineMethod({
    summary:
      'Let another user of this node take the place of one whose root key is to be replaced: they get what its vault shows, both root keys sign it, and contacts follow. For good.',
    access: 'owner',
    params: z.strictObject({
      did: Did,
      /** A user of this node, as a rule a new one. Their words are asked for too: nobody goes over to a phrase that is lost. */
      successor: Did,
      /** The 24 words of the old root key. */
      recoveryPhrase: z.string().min(1).max(1_000).optional(),
      /** Instead of the words, where this device keeps the root key under it. */
      passphrase: Passphrase.optional(),
      /** The 24 words of the new root key. */
      successorPhrase: z.string().min(1).max(1_000).optional(),
      successorPassphrase: Passphrase.optional(),
    }),
    result: z.object({
      did: z.string(),
      successor: z.string(),
      /** When it was signed. */
      at: Millis,
      /** What was not there before. */
      carried: z.object({ conversations: z.int(), rows: z.int() }),
    }),
    errors: [
      'NotFound',
      'InvalidParams',
      'Unauthorized',
      'RateLimited',
      'Conflict',
      'UserUnavailable',
      'StorageFull',
    ],
    examples: [
      {
        title: 'Go on as another user',
        params: {
          did: '$did',
          successor: SOMEBODY,
          recoveryPhrase: PHRASE,
          successorPhrase: PHRASE,
        },
      },
    ],
    positional: ['did', 'successor'],
    timeoutMs: SUCCEED_MS,
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
