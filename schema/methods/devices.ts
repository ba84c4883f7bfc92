import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { Did, defineMethod, Id, listOf, Millis, NoParams } from './method.ts'

const DeviceName = z.string().min(1).max(LIMITS.nameCharacters)
/** Six digits; a space in the middle is how they are read aloud. */
const Check = z.string().regex(/^\s*\d{3}\s?\d{3}\s*$/, 'six digits')

export const PairingStatus = z.object({
  pairingId: z.string(),
  /** `started`: this node made the code; `joined`: it was given one. */
  side: z.enum(['started', 'joined']),
  /**
   * waiting: no device has used the code; joined: both show a check; confirmed: this side is sure;
   * done: the new device is one of the person's.
   */
  state: z.enum(['waiting', 'joined', 'confirmed', 'done', 'failed', 'expired']),
  did: z.string(),
  check: z.string().optional(),
  /** Of the new device. */
  deviceName: z.string().optional(),
  deviceDid: z.string().optional(),
  expiresAt: Millis,
})

export const devicesMethods = {
  'devices.pair.start': defineMethod({
    summary: 'Make a code that brings one new device of this user in, within ten minutes.',
    access: 'admin',
    served: 'gateway',
    params: NoParams,
    result: z.object({
      pairingId: z.string(),
      /** To be typed on the new device, or read there from `qr`. */
      code: z.string(),
      /** The code as a QR code of block characters, lines ending in a newline. */
      qr: z.string(),
      expiresAt: Millis,
    }),
    errors: ['Unavailable', 'RateLimited', 'Exhausted', 'Conflict', 'Expired'],
    examples: [{ title: 'A code', params: {} }],
  }),
  'devices.pair.join': defineMethod({
    summary: 'Become a device of the person who made the code; both sides then confirm the same six digits.',
    access: 'owner',
    params: z.strictObject({
      code: z.string().min(1).max(LIMITS.pairingCodeCharacters),
      /** What the person calls this device; the name of the computer when absent. */
      deviceName: DeviceName.optional(),
      /** Locks the keys on this device. Without one they open by themselves. */
      passphrase: z.string().min(1).max(1_000).optional(),
    }),
    result: z.object({ pairingId: z.string(), did: z.string(), check: z.string() }),
    errors: ['InvalidParams', 'Expired', 'Exhausted', 'Conflict', 'Unavailable', 'RateLimited'],
    examples: [{ title: 'Join', params: { code: 'vivim1qtmmvpk' } }],
    positional: ['code'],
  }),
  'devices.pair.confirm': defineMethod({
    summary:
      'Say that the other device shows these six digits too. The second of the two waits until all is done.',
    access: 'open',
    session: 'optional',
    params: z.strictObject({
      check: Check,
      /** The one pairing that waits for it when absent. */
      pairingId: Id.optional(),
    }),
    result: z.object({
      /** The new device. */
      deviceDid: z.string(),
      /** Spaces handed over, in hex. */
      spaces: z.array(z.string()),
      /** False: the other side has yet to confirm. */
      complete: z.boolean(),
    }),
    errors: [
      'Unauthorized',
      'NotFound',
      'InvalidParams',
      'Forbidden',
      'Conflict',
      'Expired',
      'Exhausted',
      'Unavailable',
      'StorageFull',
    ],
    examples: [{ title: 'They are the same', params: { check: '042137' } }],
    positional: ['check'],
    timeoutMs: LIMITS.pairingMs + LIMITS.pairingGraceMs,
  }),
  'devices.pair.status': defineMethod({
    summary: 'Say how far a pairing has come.',
    access: 'open',
    session: 'optional',
    params: z.strictObject({ pairingId: Id.optional() }),
    result: PairingStatus,
    errors: ['Unauthorized', 'NotFound', 'InvalidParams'],
    examples: [{ title: 'The only one', params: {} }],
    positional: ['pairingId'],
  }),
  'devices.pair.cancel': defineMethod({
    summary: 'End a pairing that is not done, on both sides.',
    access: 'open',
    session: 'optional',
    params: z.strictObject({ pairingId: Id.optional() }),
    result: PairingStatus,
    errors: ['Unauthorized', 'NotFound', 'InvalidParams', 'Conflict'],
    examples: [{ title: 'The only one', params: {} }],
    positional: ['pairingId'],
  }),
  'devices.list': defineMethod({
    summary: 'List your devices, this one first.',
    access: 'read',
    params: NoParams,
    result: listOf(
      z.object({
        deviceDid: z.string(),
        name: z.string(),
        /** Somebody gave it that name; else it is called after its DID. */
        named: z.boolean(),
        thisDevice: z.boolean(),
        /** When this device first knew of it; null for one that has no document yet. */
        addedAt: Millis.nullable(),
        capabilities: z.array(z.string()),
        /** When its certificates end; from 30 days before they are renewed. Null for one without a document. */
        certifiedUntil: Millis.nullable(),
        connected: z.boolean(),
        lastSeenAt: Millis.nullable(),
        /** Operations here that it has not acknowledged; null for this device. */
        behind: z.int().nullable(),
        /** revoked: taken out; uncertified: let in by one that was taken out. */
        state: z.enum(['member', 'revoked', 'uncertified']),
        /** When it was taken out, by the clock of who did; null for a member. */
        revokedAt: Millis.nullable(),
      }),
    ),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'devices.revoke': defineMethod({
    summary:
      'Take a device out: what it writes from now on counts nowhere, and new data is under a key it does not get.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({
      /** Name or DID. */
      device: z.string().min(1).max(LIMITS.nameCharacters),
      /** The 24 words. The root key signs: the words are it. */
      recoveryPhrase: z.string().min(1).max(1_000).optional(),
      /** Instead of the words, where this device keeps the root key under it. */
      passphrase: z.string().min(1).max(1_000).optional(),
    }),
    result: z.object({
      deviceDid: z.string(),
      name: z.string(),
      revokedAt: Millis,
      /** The new epoch of your private space. */
      epoch: z.int(),
      /** Devices that stay and get its key. */
      remaining: z.array(z.string()),
      /** Those among them that the revoked device had let in: the root key vouches for them from now on. */
      admitted: z.array(z.string()),
      /** What it held, or could have asked for, until now. */
      couldRead: z.object({
        conversations: z.int(),
        messages: z.int(),
        /** Operations here that it had not acknowledged. */
        behind: z.int(),
        lastSeenAt: Millis.nullable(),
      }),
    }),
    errors: [
      'Unauthorized',
      'NotFound',
      'InvalidParams',
      'Conflict',
      'Unavailable',
      'RateLimited',
      'TooLarge',
    ],
    examples: [{ title: 'Lost', params: { device: 'Phone', passphrase: 'correct horse battery staple' } }],
    positional: ['device'],
  }),
  'devices.log': defineMethod({
    summary: 'Show your DID log: what the root key signed of your devices, both versions of one that parted.',
    access: 'read',
    params: NoParams,
    result: z.object({
      /** From this number on there are two versions; null while there is one. */
      forkedAt: z.int().nullable(),
      entries: z.array(
        z.object({
          number: z.int(),
          /** In hex. */
          hash: z.string(),
          /** Hash of the entry before. */
          previous: z.string(),
          kind: z.enum(['admit', 'revoke', 'role', 'resolve']),
          /** The device it is about, or that settled on a version. */
          deviceDid: z.string(),
          name: z.string(),
          /** Of a resolution: the entry that counts. */
          chosen: z.string().nullable(),
          /** By the clock of who signed it. */
          at: Millis,
          /** `set-aside`: of the version that a resolution passed over; `waiting`: the entry before it is not here. */
          state: z.enum(['counts', 'set-aside', 'waiting']),
        }),
      ),
    }),
    errors: [],
    examples: [{ title: 'All of it', params: {} }],
  }),
  'devices.resolve': defineMethod({
    summary:
      'Of two versions of your DID log have one count; signed by the root key and by this device, which was there before.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({
      /** Where they part. */
      number: z.int().min(1),
      /** Of the entry with that number that counts, in hex; the beginning, where it is enough. */
      hash: z.string().regex(/^[0-9a-f]{8,64}$/),
      /** The 24 words. */
      recoveryPhrase: z.string().min(1).max(1_000).optional(),
      /** Instead of the words, where this device keeps the root key under it. */
      passphrase: z.string().min(1).max(1_000).optional(),
    }),
    result: z.object({ number: z.int(), hash: z.string() }),
    errors: ['Unauthorized', 'NotFound', 'InvalidParams', 'Conflict', 'Unavailable', 'RateLimited'],
    examples: [
      {
        title: 'Settle on one',
        params: { number: 2, hash: '3a7f00c1', passphrase: 'correct horse battery staple' },
      },
    ],
    positional: ['number', 'hash'],
  }),
  'devices.renew': defineMethod({
    summary: 'Certify this device for another year with the root key, also after its certificate ended.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({
      /** The 24 words. The root key signs: the words are it. */
      recoveryPhrase: z.string().min(1).max(1_000).optional(),
      /** Instead of the words, where this device keeps the root key under it. */
      passphrase: z.string().min(1).max(1_000).optional(),
    }),
    result: z.object({ deviceDid: z.string(), certifiedUntil: Millis }),
    errors: ['Unauthorized', 'InvalidParams', 'RateLimited', 'StorageFull'],
    examples: [{ title: 'Another year', params: { passphrase: 'correct horse battery staple' } }],
  }),
  'devices.rename': defineMethod({
    summary: 'Give one of your devices a name; the others learn it.',
    access: 'write',
    params: z.strictObject({ deviceDid: Did, name: DeviceName }),
    result: z.object({ deviceDid: z.string(), name: z.string() }),
    errors: ['NotFound'],
    examples: [{ title: 'Rename', params: { deviceDid: '$deviceDid', name: 'Laptop' } }],
    positional: ['deviceDid', 'name'],
  }),
}
