import { z } from 'zod'
import { Did, defineMethod, Millis, NoParams, SecurityLevel } from './method.ts'

const Token = z.string().min(20).max(200)

export const Session = z.object({
  token: z.string(),
  did: z.string(),
  expiresAt: Millis,
  refreshToken: z.string(),
  scopes: z.array(z.string()),
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
  'auth.resume': defineMethod({
    summary: 'Continue a session on a new connection.',
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
