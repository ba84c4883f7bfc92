import { z } from 'zod'
import { SystemAction, SystemCommand } from '../system-palette.ts'
import { defineMethod, Millis, NoParams, Person } from './method.ts'

const MasterLogReport = z.object({
  /** `unconfirmed`: older than a day, or no other device of yours is known to see the same. */
  trust: z.enum(['none', 'unconfirmed', 'confirmed', 'suspect']),
  /** The newest head that was believed. */
  head: z.object({ generation: z.int(), size: z.int(), root: z.string(), time: Millis }).optional(),
  /** When another device was last known to see the same log. */
  confirmedAt: Millis.optional(),
  /** When the operator was seen to begin it anew. */
  generationAt: Millis.optional(),
  /** What is wrong with it, in words. */
  findings: z.array(
    z.object({
      kind: z.string(),
      words: z.string(),
      did: z.string().optional(),
      since: Millis,
      lastAt: Millis,
    }),
  ),
  hint: z.string().optional(),
})

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
      /** How far its log of records is to be believed, and why. */
      log: MasterLogReport.optional(),
      /** Signed records that the master has not taken yet. */
      waiting: z.int(),
      /** Registered with this node, where it is the master. */
      users: z.int().optional(),
      devices: z.int().optional(),
    }),
    errors: [],
    examples: [{ title: 'Status', params: {} }],
  }),
  'master.join': defineMethod({
    summary:
      'Become a member of a bootstrap node; users, keys and data stay, and what waits is published there.',
    access: 'owner',
    params: z.strictObject({ address: z.string().max(400) }),
    result: z.object({ role: z.enum(['solo', 'member']), joined: z.string().optional(), waiting: z.int() }),
    errors: ['InvalidParams', 'Conflict'],
    examples: [],
    positional: ['address'],
  }),
  'master.leave': defineMethod({
    summary: 'Be a member of no master any more; what is registered stays there, and nothing here changes.',
    access: 'owner',
    params: NoParams,
    result: z.object({ role: z.enum(['solo', 'member']), joined: z.string().optional(), waiting: z.int() }),
    errors: ['Conflict'],
    examples: [],
  }),
  'master.newGeneration': defineMethod({
    summary: 'Begin the log of this master anew, after its database was restored from a copy.',
    access: 'owner',
    params: NoParams,
    result: z.object({ generation: z.int(), size: z.int() }),
    errors: ['Conflict', 'Unavailable'],
    examples: [],
  }),
  'master.providerStats': defineMethod({
    summary: 'Add up, on a bootstrap node, how often its members captured something from which provider.',
    access: 'owner',
    params: NoParams,
    result: z.object({
      /** The most used first; `other` is every source that the program does not know by name. */
      items: z.array(
        z.object({
          provider: z.string(),
          /** Nodes that say so. What a node says is its own word. */
          nodes: z.int(),
          attempts: z.int(),
          created: z.int(),
          updated: z.int(),
          unchanged: z.int(),
          failed: z.int(),
        }),
      ),
    }),
    errors: ['Conflict', 'Unavailable'],
    examples: [],
  }),
  'master.commands.list': defineMethod({
    summary: 'List the commands of the palette: those shipped, with what the operator of the master changed.',
    access: 'owner',
    params: NoParams,
    result: z.object({
      items: z.array(
        SystemCommand.extend({
          /** The one method that it stands for; calling it is up to the caller. */
          method: z.string(),
        }),
      ),
    }),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'master.commands.set': defineMethod({
    summary:
      'Put a command into the palette of the instance, or in the place of one with that trigger; on its bootstrap node.',
    access: 'owner',
    params: SystemCommand,
    result: z.object({ trigger: z.string() }),
    errors: ['Conflict', 'Exhausted', 'TooLarge', 'Unavailable', 'InvalidParams'],
    examples: [],
    positional: ['trigger'],
  }),
  'master.commands.remove': defineMethod({
    summary: 'Take a command out of the palette of the instance; on its bootstrap node.',
    access: 'owner',
    params: z.strictObject({ trigger: z.string().max(40) }),
    result: z.object({ trigger: z.string() }),
    errors: ['Conflict', 'NotFound', 'Unavailable'],
    examples: [],
    positional: ['trigger'],
  }),
  'master.actions.list': defineMethod({
    summary: 'List the actions of the palette: those shipped, with what the operator of the master changed.',
    access: 'owner',
    params: NoParams,
    result: z.object({
      items: z.array(
        SystemAction.extend({
          /** The one method that it stands for; calling it is up to the caller. */
          method: z.string(),
        }),
      ),
    }),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'master.actions.set': defineMethod({
    summary:
      'Put an action into the palette of the instance, or in the place of one with that trigger; on its bootstrap node.',
    access: 'owner',
    params: SystemAction,
    result: z.object({ trigger: z.string() }),
    errors: ['Conflict', 'Exhausted', 'TooLarge', 'Unavailable', 'InvalidParams'],
    examples: [],
    positional: ['trigger'],
  }),
  'master.actions.remove': defineMethod({
    summary: 'Take an action out of the palette of the instance; on its bootstrap node.',
    access: 'owner',
    params: z.strictObject({ trigger: z.string().max(40) }),
    result: z.object({ trigger: z.string() }),
    errors: ['Conflict', 'NotFound', 'Unavailable'],
    examples: [],
    positional: ['trigger'],
  }),
  'master.lookup': defineMethod({
    summary:
      'Ask the master about a person, by DID or, signed in, by petname; only what they signed is shown.',
    access: 'owner',
    params: z.strictObject({ did: Person }),
    result: z.object({
      did: z.string(),
      displayName: z.string().nullable(),
      devices: z.array(z.object({ deviceDid: z.string(), sequence: z.int() })),
    }),
    errors: ['NotFound', 'InvalidParams', 'Conflict', 'Unavailable', 'RateLimited'],
    examples: [{ title: 'Look up', params: { did: '$did' } }],
    positional: ['did'],
  }),
}
