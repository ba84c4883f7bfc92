import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { defineMethod, Id, listOf, Millis, NoParams, Page, Person } from './method.ts'

const PersonName = z.string().min(1).max(LIMITS.tagCharacters)
const TrustLevel = z.enum(['acquaintance', 'trusted', 'close'])

/** A DID to ask with; nobody has it. */
const SOMEBODY = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

export const PeerItem = z.object({
  did: z.string(),
  /** What you call them, else `person` and the end of the DID. */
  name: z.string(),
  petname: z.string().nullable(),
  /** What they call themselves. Anybody may call themselves anything. */
  displayName: z.string().nullable(),
  /**
   * requested: you asked and they have not accepted; received: they asked and you have not; accepted: both want it;
   * blocked: by you; none: named only, or it is over.
   */
  state: z.enum(['requested', 'received', 'accepted', 'blocked', 'none']),
  /** Of an accepted contact. */
  trust: TrustLevel.nullable(),
  /** A node of theirs is connected to this one now. */
  connected: z.boolean(),
  /** Their node is known to hold your consent; false while nobody could tell it. */
  confirmed: z.boolean(),
  /** You asked first. */
  initiated: z.boolean(),
  /** Forty digits that both of you see: compare them once, by voice or side by side. */
  safety: z.string(),
  askedAt: Millis.nullable(),
  acceptedAt: Millis.nullable(),
  /** The DID they had before their root key was replaced: the safety string is another one since, compare it anew. */
  succeeds: z.string().nullable(),
  /** When that was followed. */
  followedAt: Millis.nullable(),
  /** The DID they have now; this one is nobody's contact any more. */
  succeededBy: z.string().nullable(),
  /** One root key named two successors: somebody else may have it. Ask them. */
  disputed: z.boolean(),
})
export type PeerItem = z.output<typeof PeerItem>

const InviteItem = z.object({
  inviteId: z.string(),
  /** What whoever uses it will be called. */
  name: z.string().nullable(),
  state: z.enum(['open', 'used', 'expired']),
  createdAt: Millis,
  expiresAt: Millis,
  /** The DID of who used it. */
  usedBy: z.string().nullable(),
  usedAt: Millis.nullable(),
})

/** `posted`: they are told by way of the master, if ever it can be reached. */
const Posted = { posted: z.boolean() }

const Privacy = z.object({
  /** circle_mates: as nobody, as long as there are no circles. Who holds an invite of yours may always. */
  whoMayContact: z.enum(['nobody', 'circle_mates', 'anyone']),
  /** Requests of strangers that are kept in a day; the others are dropped. */
  requestsPerDay: z.int(),
  /** What you and others who want it too say to each other waits at the master, which learns that you do. */
  throughMaster: z.boolean(),
})

export const peersMethods = {
  'peers.list': defineMethod({
    summary: 'List the people you know: contacts, requests, blocked ones and those you only named.',
    access: 'read',
    served: 'gateway',
    params: z.strictObject({ ...Page }),
    result: listOf(PeerItem),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'peers.safety': defineMethod({
    summary: 'Show the forty digits that you and somebody else compare to be sure of each other.',
    access: 'read',
    served: 'gateway',
    params: z.strictObject({ did: Person }),
    result: z.object({ did: z.string(), name: z.string(), safety: z.string() }),
    errors: ['NotFound', 'InvalidParams', 'Conflict'],
    examples: [{ title: 'Of somebody', params: { did: SOMEBODY } }],
    positional: ['did'],
  }),
  'peers.invite.create': defineMethod({
    summary: 'Make an invite that one person can use to become a contact of yours.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({
      /** What you will call whoever uses it. */
      name: PersonName.optional(),
      /** How long it is good; seven days when absent. */
      hours: z
        .int()
        .min(1)
        .max(LIMITS.contactInviteMaxMs / 3_600_000)
        .optional(),
    }),
    result: z.object({
      inviteId: z.string(),
      invite: z.string(),
      /** The invite as a QR code of block characters, lines ending in a newline. */
      qr: z.string(),
      expiresAt: Millis,
    }),
    errors: ['Unavailable', 'Exhausted', 'InvalidParams'],
    examples: [{ title: 'For Ben', params: { name: 'Ben' } }],
    positional: ['name'],
  }),
  'peers.invite.list': defineMethod({
    summary: 'List the invites that this device made, newest first. The secret in them is shown only once.',
    access: 'read',
    served: 'gateway',
    params: NoParams,
    result: listOf(InviteItem),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'peers.invite.revoke': defineMethod({
    summary: 'Take an invite back. A contact it made stays.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({ inviteId: Id }),
    result: z.object({ inviteId: z.string() }),
    errors: ['NotFound'],
    examples: [{ title: 'One', params: { inviteId: '$jobId' } }],
    positional: ['inviteId'],
  }),
  'peers.invite.accept': defineMethod({
    summary:
      'Use an invite: its maker and you are contacts of each other from then on, or once their node reads it at the master.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({
      invite: z.string().min(1).max(LIMITS.contactInviteCharacters),
      /** What you call them. */
      name: PersonName.optional(),
    }),
    result: PeerItem,
    errors: ['InvalidParams', 'Expired', 'Exhausted', 'Conflict', 'Unavailable', 'Corrupt', 'Forbidden'],
    examples: [{ title: 'Use one', params: { invite: 'vivim://invite/hgFYIA', name: 'Ann' } }],
    positional: ['invite', 'name'],
  }),
  'peers.request': defineMethod({
    summary:
      'Ask somebody to be a contact. Whether they see it is theirs to decide, and you learn nothing until they accept.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({
      did: Person,
      /** A node of theirs; absent: where they were reached before, or the nodes you connected to. */
      address: z.string().min(1).max(400).optional(),
    }),
    /** `delivered`: a node there took the request. */
    result: z.object({ ...PeerItem.shape, delivered: z.boolean(), ...Posted }),
    errors: ['InvalidParams', 'NotFound', 'Conflict', 'Unavailable', 'RateLimited'],
    examples: [{ title: 'Ask', params: { did: SOMEBODY } }],
    positional: ['did', 'address'],
  }),
  'peers.accept': defineMethod({
    summary: 'Accept somebody who asked to be a contact.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({ did: Person }),
    result: z.object({ ...PeerItem.shape, ...Posted }),
    errors: ['InvalidParams', 'NotFound', 'Conflict'],
    examples: [{ title: 'Accept', params: { did: SOMEBODY } }],
    positional: ['did'],
  }),
  'peers.remove': defineMethod({
    summary:
      'End a contact, take a request back, or decline one. They are told by way of the master alone, where you want that, and never that you declined.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({ did: Person }),
    result: z.object({ ...PeerItem.shape, ...Posted }),
    errors: ['InvalidParams', 'NotFound', 'Conflict'],
    examples: [{ title: 'End it', params: { did: SOMEBODY } }],
    positional: ['did'],
  }),
  'peers.block': defineMethod({
    summary: 'Hear nothing of somebody any more. To them it looks as if nobody answered.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({ did: Person }),
    result: PeerItem,
    errors: ['InvalidParams', 'NotFound', 'Conflict'],
    examples: [{ title: 'Block', params: { did: SOMEBODY } }],
    positional: ['did'],
  }),
  'peers.unblock': defineMethod({
    summary: 'Take a block back. What was agreed before it holds again.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({ did: Person }),
    result: PeerItem,
    errors: ['InvalidParams', 'NotFound', 'Conflict'],
    examples: [{ title: 'Unblock', params: { did: SOMEBODY } }],
    positional: ['did'],
  }),
  'peers.trust': defineMethod({
    summary: 'Say how close a contact is. It is kept on your devices and told to nobody.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({ did: Person, level: TrustLevel }),
    result: PeerItem,
    errors: ['InvalidParams', 'NotFound', 'Conflict'],
    examples: [{ title: 'Trust', params: { did: SOMEBODY, level: 'trusted' } }],
    positional: ['did', 'level'],
  }),
  'peers.name': defineMethod({
    summary: 'Give somebody a name of your own, good wherever a DID is; without a name, take it back.',
    access: 'write',
    served: 'gateway',
    params: z.strictObject({ did: Person, name: PersonName.optional() }),
    result: PeerItem,
    errors: ['InvalidParams', 'NotFound', 'Conflict'],
    examples: [{ title: 'Name', params: { did: SOMEBODY, name: 'Ben' } }],
    positional: ['did', 'name'],
  }),
  'peers.connect': defineMethod({
    summary: 'Connect to a node. Apps reach public addresses only.',
    access: 'write',
    served: 'gateway',
    params: z.strictObject({ multiaddr: z.string().min(1).max(400) }),
    result: z.object({ peerId: z.string(), address: z.string() }),
    errors: ['InvalidParams', 'Forbidden', 'Unavailable', 'RateLimited'],
    examples: [
      {
        title: 'A node',
        params: { multiaddr: '$address' },
      },
    ],
    positional: ['multiaddr'],
  }),
  'peers.disconnect': defineMethod({
    summary:
      'End the connections to a contact, or to a node you connected to. Contacts may come back by themselves.',
    access: 'write',
    served: 'gateway',
    params: z.strictObject({
      /** A DID, a name, a peer id or a multiaddr. */
      peer: z.string().min(1).max(400),
    }),
    result: z.object({ peerIds: z.array(z.string()) }),
    errors: ['NotFound', 'InvalidParams', 'Conflict'],
    examples: [{ title: 'Somebody', params: { peer: SOMEBODY } }],
    positional: ['peer'],
  }),
  'peers.privacy.get': defineMethod({
    summary: 'Say who may ask to be a contact of yours.',
    access: 'read',
    served: 'gateway',
    params: NoParams,
    result: Privacy,
    errors: [],
    examples: [{ title: 'Get', params: {} }],
  }),
  'peers.privacy.update': defineMethod({
    summary: 'Decide who may ask to be a contact of yours; on all your devices.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({
      whoMayContact: Privacy.shape.whoMayContact.optional(),
      requestsPerDay: z.int().min(0).max(LIMITS.contactRequestsPerDay).optional(),
      throughMaster: z.boolean().optional(),
    }),
    result: Privacy,
    errors: ['InvalidParams'],
    examples: [{ title: 'Anybody', params: { whoMayContact: 'anyone', requestsPerDay: 5 } }],
    positional: ['whoMayContact'],
  }),
}
