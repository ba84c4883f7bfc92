import { z } from 'zod'
import { defineMethod, Millis, NoParams } from './method.ts'

export const NodeStatus = z.object({
  version: z.string(),
  role: z.enum(['solo', 'bootstrap', 'member']),
  peerId: z.string(),
  pid: z.int(),
  startedAt: Millis,
  /** From the start of the process to the first answer on the socket. */
  readyMs: z.number(),
  /** Resident memory of the process, in units of 10^6 bytes. */
  rssMb: z.number(),
  multiaddrs: z.array(z.string()),
  peers: z.int(),
  users: z.object({ total: z.int(), open: z.int() }),
  master: z.object({ state: z.enum(['none', 'online', 'offline']), since: Millis.optional() }),
  home: z.string(),
  socket: z.string(),
})

export const nodeMethods = {
  'node.status': defineMethod({
    summary: 'Say what this node is and how it is doing.',
    access: 'open',
    params: NoParams,
    result: NodeStatus,
    errors: [],
    examples: [{ title: 'Status', params: {} }],
  }),
  'node.version': defineMethod({
    summary: 'Give the versions of the program, its runtime and the schema of its databases.',
    access: 'open',
    params: NoParams,
    result: z.object({ version: z.string(), node: z.string(), schema: z.int() }),
    errors: [],
    examples: [{ title: 'Versions', params: {} }],
  }),
  'node.health': defineMethod({
    summary: 'Write and read back in every open database; not ok while the node is stopping.',
    access: 'open',
    params: NoParams,
    result: z.object({
      ok: z.boolean(),
      checks: z.array(
        z.object({ name: z.string(), ok: z.boolean(), ms: z.number(), message: z.string().optional() }),
      ),
    }),
    errors: [],
    examples: [{ title: 'Probe', params: {} }],
  }),
  'node.metrics': defineMethod({
    summary: 'Give the counters of the node: calls, refusals, limits reached.',
    access: 'owner',
    params: NoParams,
    result: z.object({ counters: z.record(z.string(), z.number()) }),
    errors: [],
    examples: [{ title: 'Counters', params: {} }],
  }),
  'node.shutdown': defineMethod({
    summary: 'Stop the node in order; it answers before it goes.',
    access: 'owner',
    params: z.strictObject({ reason: z.string().max(200).optional() }),
    result: z.object({ stopping: z.literal(true), pid: z.int() }),
    errors: [],
    examples: [{ title: 'Stop', params: {} }],
  }),
}
