import { z } from 'zod'
import { Did, defineMethod, Millis, NoParams } from './method.ts'

export const masterMethods = {
  'master.status': defineMethod({
    summary: 'Say which master this node has, whether it answers, and what waits to be published.',
    access: 'owner',
    params: NoParams,
    result: z.object({
      role: z.enum(['solo', 'bootstrap', 'member']),
      state: z.enum(['none', 'online', 'offline']),
      since: Millis.optional(),
      /** Why it is offline. */
      problem: z.string().optional(),
      /** Of a bootstrap node: what members are given to join. */
      address: z.string().optional(),
      /** Of a member: the master it joined. */
      joined: z.string().optional(),
      /** Signed records that the master has not taken yet. */
      waiting: z.int(),
      /** Registered with this node, where it is the master. */
      users: z.int().optional(),
      devices: z.int().optional(),
    }),
    errors: [],
    examples: [{ title: 'Status', params: {} }],
  }),
  'master.lookup': defineMethod({
    summary: 'Ask the master about a DID; only what that person signed is shown.',
    access: 'owner',
    params: z.strictObject({ did: Did }),
    result: z.object({
      did: z.string(),
      displayName: z.string().nullable(),
      devices: z.array(z.object({ deviceDid: z.string(), sequence: z.int() })),
    }),
    errors: ['NotFound', 'Unavailable', 'RateLimited'],
    examples: [{ title: 'Look up', params: { did: '$did' } }],
    positional: ['did'],
  }),
}
