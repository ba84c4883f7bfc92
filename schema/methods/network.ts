import { z } from 'zod'
import { defineMethod, Millis, NoParams } from './method.ts'

export const networkMethods = {
  'network.dht.find': defineMethod({
    summary: 'Ask the table of the bootstrap nodes where your other devices are.',
    access: 'write',
    served: 'gateway',
    params: NoParams,
    result: z.object({
      items: z.array(z.object({ deviceDid: z.string(), at: Millis, addresses: z.array(z.string()) })),
    }),
    errors: ['Unauthorized', 'Unavailable', 'UserUnavailable'],
    examples: [{ title: 'Ask', params: {} }],
  }),
  'network.status': defineMethod({
    summary: 'Say in words whether others can reach this node, and why not; its relays and connected peers.',
    access: 'owner',
    params: NoParams,
    result: z.object({
      /** `public`: from anywhere; `relayed`: through a relay; `local`: from its own network; `unknown`: not tried yet. */
      reachability: z.enum(['off', 'public', 'relayed', 'local', 'unknown']),
      text: z.string(),
      peerId: z.string(),
      /** Where others reach this node, best first. */
      addresses: z.array(z.string()),
      relays: z.array(
        z.object({
          peerId: z.string(),
          /** `held`: others reach this node there; `unwanted`: they need no relay. */
          state: z.enum(['held', 'waiting', 'unwanted']),
          problem: z.string().optional(),
        }),
      ),
      /** Of a relay: nodes that are reached by way of it. */
      seats: z.int().optional(),
      /** Of a node with a table of where devices are: records it keeps for others. */
      records: z.int().optional(),
      /** How often it hung and was started anew. */
      restarts: z.int(),
      lastRestart: z.object({ at: Millis, why: z.string() }).optional(),
      peers: z.array(
        z.object({
          peerId: z.string(),
          address: z.string(),
          direction: z.enum(['inbound', 'outbound']),
          relayed: z.boolean(),
        }),
      ),
    }),
    errors: [],
    examples: [{ title: 'Status', params: {} }],
  }),
}
