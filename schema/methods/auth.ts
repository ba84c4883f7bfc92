import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { Did, defineMethod, listOf, Millis, NoParams, Page, SecurityLevel } from './method.ts'

const Token = z.string().min(20).max(200)

export const Session = z.object({
  token: z.string(),
  did: z.string(),
  expiresAt: Millis,
  refreshToken: z.string(),
  scopes: z.array(z.string()),
})

export const AppGrant = z.object({
  grantId: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  maxSecurityLevel: SecurityLevel,
  callsPerMinute: z.int(),
  createdAt: Millis,
  expiresAt: Millis.nullable(),
  paused: z.boolean(),
  lastUsedAt: Millis.nullable(),
})

export const authMethods = {
  'auth.login': defineMethod({
    summary: 'Open a session for a user of this node; this connection is theirs from then on.',
    access: 'owner',
    params: z.strictObject({ did: Did, passphrase: z.string().max(1_000).optional() }),
    result: Session,
    errors: ['Unauthorized', 'RateLimited', 'UserUnavailable'],
    examples: [{ title: 'Sign in', params: { did: '$did' } }],
    positional: ['did'],
  }),
  'auth.challenge': defineMethod({
    summary: 'Ask for bytes to sign, to prove that you are a DID; good for one answer within a minute.',
    access: 'open',
    params: z.strictObject({ did: Did, client: z.string().min(1).max(LIMITS.nameCharacters).optional() }),
    result: z.object({
      nonce: z.string(),
      /** DID of this node. */
      audience: z.string(),
      expiresAt: Millis,
      /** The bytes to sign, base64url: canonical CBOR ['vivimd/auth/1', nonce, audience, did, client or null, expiry]. */
      message: z.string(),
    }),
    errors: ['RateLimited'],
    examples: [{ title: 'A challenge', params: { did: '$did' } }],
    positional: ['did'],
  }),
  'auth.verify': defineMethod({
    summary: 'Answer a challenge: opens a session, and this connection is that user’s from then on.',
    access: 'open',
    params: z.strictObject({
      did: Did,
      nonce: z.string().min(20).max(100),
      /** Ed25519 over the bytes of `message`, base64url. */
      signature: z.string().min(80).max(100),
      /** Who signed, when it is a device of the DID and not its own key. */
      deviceDid: Did.optional(),
      /** Fewer scopes than all. */
      scopes: z
        .array(z.enum(['read', 'write', 'admin']))
        .min(1)
        .max(3)
        .optional(),
    }),
    result: Session,
    errors: ['Unauthorized', 'RateLimited', 'UserUnavailable'],
    examples: [],
  }),
  'auth.grants.create': defineMethod({
    summary: 'Let an app in, narrower than you: what it may do, up to which level, how often, until when.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({
      name: z.string().min(1).max(LIMITS.nameCharacters),
      scopes: z
        .array(z.enum(['read', 'write']))
        .min(1)
        .max(2)
        .default(['read']),
      maxSecurityLevel: SecurityLevel.default(2),
      callsPerMinute: z.int().min(1).max(LIMITS.appCallsPerMinute).default(LIMITS.appCallsPerMinuteDefault),
      expiresAt: Millis.nullable().default(null),
    }),
    result: z.object({ ...AppGrant.shape, token: z.string() }),
    errors: ['TooLarge'],
    examples: [{ title: 'An app that reads', params: { name: 'Notes' } }],
    positional: ['name'],
  }),
  'auth.grants.list': defineMethod({
    summary: 'List the apps you let in.',
    access: 'read',
    served: 'gateway',
    params: NoParams,
    result: listOf(AppGrant),
    errors: ['Forbidden'],
    examples: [{ title: 'All', params: {} }],
  }),
  'auth.grants.pause': defineMethod({
    summary: 'Stop an app for a while, or let it go on.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({ grantId: z.string().max(100), paused: z.boolean().default(true) }),
    result: AppGrant,
    errors: ['NotFound'],
    examples: [],
    positional: ['grantId', 'paused'],
  }),
  'auth.grants.revoke': defineMethod({
    summary: 'Take an app’s grant back, at once and on every connection.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject({ grantId: z.string().max(100) }),
    result: z.object({ grantId: z.string(), revoked: z.literal(true) }),
    errors: ['NotFound'],
    examples: [],
    positional: ['grantId'],
  }),
  'auth.accessLog': defineMethod({
    summary: 'Say who called what: every call of an app, every refused and every sensitive one.',
    access: 'admin',
    served: 'gateway',
    params: z.strictObject(Page),
    result: listOf(
      z.object({
        at: Millis,
        method: z.string(),
        /** Null: your own session. */
        app: z.string().nullable(),
        grantId: z.string().nullable(),
        outcome: z.string(),
      }),
    ),
    errors: [],
    examples: [{ title: 'The latest', params: { limit: 20 } }],
  }),
  'auth.resume': defineMethod({
    summary: 'Continue a session on a new connection, or begin one with an app’s token.',
    access: 'open',
    params: z.strictObject({ token: Token }),
    result: z.object({ did: z.string(), expiresAt: Millis, scopes: z.array(z.string()) }),
    errors: ['Unauthorized'],
    examples: [{ title: 'Resume', params: { token: '$token' } }],
  }),
  'auth.refresh': defineMethod({
    summary: 'Exchange a refresh token for a new session; using one twice ends the session.',
    access: 'open',
    params: z.strictObject({ refreshToken: Token }),
    result: Session,
    errors: ['Unauthorized'],
    examples: [{ title: 'Refresh', params: { refreshToken: '$refreshToken' } }],
  }),
  'auth.whoami': defineMethod({
    summary: 'Say whose session this connection has.',
    access: 'read',
    served: 'gateway',
    params: NoParams,
    result: z.object({
      did: z.string(),
      deviceDid: z.string(),
      scopes: z.array(z.string()),
      maxSecurityLevel: SecurityLevel,
      expiresAt: Millis,
      /** The app this session was given to; absent for your own. */
      app: z.string().optional(),
      /** The DID they go on as: the root key of this one has a successor. */
      succeededBy: z.string().optional(),
      /** The DID they had before; while their database is open. */
      succeeds: z.string().optional(),
      /** The root key of this one, or of the one before, signed two successors: somebody else may have it. */
      disputed: z.literal(true).optional(),
    }),
    errors: ['Unauthorized'],
    examples: [{ title: 'Who am I', params: {} }],
  }),
  'auth.logout': defineMethod({
    summary: 'End the session of this connection everywhere.',
    access: 'read',
    served: 'gateway',
    params: NoParams,
    result: z.object({ ended: z.literal(true) }),
    errors: ['Unauthorized'],
    examples: [{ title: 'Sign out', params: {} }],
  }),
}
