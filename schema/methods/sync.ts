import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { defineMethod, listOf, Millis, NoParams, Page } from './method.ts'

/** `incomparable`: the two devices do not hold the same, so their rows say nothing yet. */
const AuditOutcome = z.enum(['same', 'incomparable', 'different'])

export const syncMethods = {
  'sync.status': defineMethod({
    summary: 'Give the state of every space: operations, frontier, and the digest two devices compare.',
    access: 'read',
    params: NoParams,
    result: z.object({
      spaces: z.array(
        z.object({
          space: z.string(),
          kind: z.enum(['private', 'circle']),
          operations: z.int(),
          frontierDigest: z.string(),
          /** Of a large vault null while its rows are read, and while something is written: ask again in a while. */
          stateDigest: z.string().nullable(),
          holds: z.int(),
          /** Your DID log: what the root key signed of your devices. */
          membership: z.object({
            head: z.string(),
            entries: z.int(),
            /**
             * Two entries have this number: somebody else may hold your recovery phrase. No new device is let in;
             * null while there is one version.
             */
            forkedAt: z.int().nullable(),
          }),
          /** Whether this device's clock may be trusted. */
          clock: z.object({
            /** The clock is ahead of the others', or writes wait because there was nothing to compare it with. */
            suspect: z.boolean(),
            /** Operations that are kept here until the clock is right; they are said again then. */
            waiting: z.int(),
            /** How far it is ahead of the devices that are connected; ms, null while there are none. */
            aheadMs: z.int().nullable(),
          }),
          peers: z.array(
            z.object({
              deviceDid: z.string(),
              name: z.string(),
              connected: z.boolean(),
              /** Operations here that the device has not acknowledged. */
              behind: z.int(),
              lastSeenAt: Millis.nullable(),
              /** It holds everything up to here. */
              upTo: Millis.nullable(),
              /**
               * Operations it lacks that lie at the bootstrap node for it; null when there are none. `full`: not all of
               * them found room.
               */
              mailbox: z.object({ operations: z.int(), full: z.boolean(), at: Millis }).nullable(),
              /** When all rows were last compared with it, and what came of it. */
              audit: z.object({ at: Millis, result: AuditOutcome }).nullable(),
            }),
          ),
          /** Devices that held the same operations and showed different rows, newest first. */
          alarms: z.array(
            z.object({
              deviceDid: z.string(),
              name: z.string(),
              at: Millis,
              /** Rows that differed; of these, the ones that were wrong here. All were made again from the log. */
              rows: z.int(),
              remade: z.int(),
              /** The first of them: model and key. */
              names: z.array(z.string()),
            }),
          ),
        }),
      ),
    }),
    errors: [],
    examples: [{ title: 'Status', params: {} }],
    timeoutMs: 600_000,
  }),
  'sync.cursors': defineMethod({
    summary: 'Say how far each of your other devices has come.',
    access: 'read',
    params: NoParams,
    result: listOf(
      z.object({
        deviceDid: z.string(),
        name: z.string(),
        connected: z.boolean(),
        /** Operations here that the device has not acknowledged. */
        behind: z.int(),
        lastSeenAt: Millis.nullable(),
        /** When both last held the same. */
        inSyncAt: Millis.nullable(),
        /** It holds everything up to here. */
        upTo: Millis.nullable(),
      }),
    ),
    errors: [],
    examples: [{ title: 'All devices', params: {} }],
  }),
  'sync.now': defineMethod({
    summary: 'Compare with your other devices now and exchange what is missing.',
    access: 'write',
    served: 'gateway',
    params: z.strictObject({
      /** DID or name of one device; all that can be reached when absent. */
      peer: z.string().min(1).max(LIMITS.nameCharacters).optional(),
    }),
    result: z.object({
      /** Operations taken in here, and sent. */
      applied: z.int(),
      sent: z.int(),
      ms: z.int(),
      devices: z.array(
        z.object({
          deviceDid: z.string(),
          state: z.enum(['in-sync', 'unreachable', 'failed']),
          message: z.string().optional(),
        }),
      ),
    }),
    errors: ['NotFound', 'Unavailable'],
    examples: [{ title: 'With all', params: {} }],
    timeoutMs: 600_000,
  }),
  'sync.audit': defineMethod({
    summary:
      'Compare every row with your other devices; rows that differ are made again from their operations.',
    access: 'write',
    served: 'gateway',
    params: z.strictObject({
      /** DID or name of one device; all that can be reached when absent. */
      peer: z.string().min(1).max(LIMITS.nameCharacters).optional(),
    }),
    result: z.object({
      devices: z.array(
        z.object({
          deviceDid: z.string(),
          result: z.enum([...AuditOutcome.options, 'unreachable', 'failed']),
          /** Rows that differed; of these, the ones that were wrong here. */
          rows: z.int().optional(),
          remade: z.int().optional(),
          /** The first of them: model and key. */
          names: z.array(z.string()).optional(),
          at: Millis,
          message: z.string().optional(),
        }),
      ),
    }),
    errors: ['NotFound', 'Unavailable'],
    examples: [{ title: 'With all', params: {} }],
    timeoutMs: 600_000,
  }),
  'sync.holds': defineMethod({
    summary: 'List operations that are stored and passed on but not applied yet, and why.',
    access: 'read',
    params: z.strictObject(Page),
    result: listOf(
      z.object({
        /** The device that wrote it, and its place in that device's log. */
        deviceDid: z.string(),
        sequence: z.int(),
        /** Null when its content was erased meanwhile. */
        hlcTimestamp: z.string().nullable(),
        /** `future`: stamped ahead of time; `schema`: of a newer program; `mass-erasure`: waits to be confirmed. */
        reason: z.string(),
        /** When it is applied; null: once it can be. */
        until: Millis.nullable(),
        /** Absent for what only a newer program knows. */
        tableName: z.string().optional(),
      }),
    ),
    errors: [],
    examples: [{ title: 'The first ones', params: { limit: 5 } }],
  }),
  'sync.forks': defineMethod({
    summary:
      'Say which logs two copies of a device wrote apart. Both branches count; the device goes on in a new log.',
    access: 'read',
    params: z.strictObject({}),
    result: listOf(
      z.object({
        deviceDid: z.string(),
        name: z.string(),
        /** The log, 16 hex digits. */
        incarnation: z.string(),
        /** The first operation that differs. */
        sequence: z.int(),
        foundAt: Millis,
        /** A control device has signed what is to become of it. */
        resolved: z.boolean(),
        /** Hash of each branch's first operation in hex, and how many operations it has by now. */
        branches: z.array(z.object({ hash: z.string(), operations: z.int() })),
      }),
    ),
    errors: [],
    examples: [{ title: 'All that are known', params: {} }],
  }),
  'sync.erasures': defineMethod({
    summary:
      'Say what was erased for good, on which of your devices it is gone, and which are still to come.',
    access: 'read',
    params: z.strictObject({ limit: z.int().min(1).max(200).default(20) }),
    result: listOf(
      z.object({
        id: z.string(),
        at: Millis,
        /** The device that erased. */
        deviceDid: z.string(),
        name: z.string(),
        rows: z.int(),
        conversations: z.int(),
        /** Not erased here yet: it is more at once than a person erases by hand. Until then it is in the trash. */
        waitsUntil: Millis.nullable(),
        devices: z.array(z.object({ deviceDid: z.string(), name: z.string(), purged: z.boolean() })),
      }),
    ),
    errors: [],
    examples: [{ title: 'The last ones', params: {} }],
  }),
  'sync.erasures.confirm': defineMethod({
    summary: 'Confirm that another device of yours meant to erase so much: it goes here and everywhere.',
    access: 'admin',
    params: z.strictObject({ id: z.string().max(40) }),
    result: z.object({ id: z.string(), rows: z.int() }),
    errors: ['NotFound', 'Conflict'],
    examples: [],
    positional: ['id'],
  }),
  'sync.compact': defineMethod({
    summary:
      'Say in the log what this device holds, and drop what is superseded and held by all your devices.',
    access: 'admin',
    params: NoParams,
    result: z.object({
      /** This device had something new to say. */
      acknowledged: z.boolean(),
      /** Operations that every device seen in the last 90 days has acknowledged, of all. */
      stable: z.int(),
      operations: z.int(),
      /** Contents dropped from the log: something later took their place. */
      dropped: z.int(),
    }),
    errors: [],
    examples: [{ title: 'Now', params: {} }],
    timeoutMs: 3_600_000,
  }),
  'sync.snapshot': defineMethod({
    summary:
      'Make a snapshot now, and say where the past of this space ends: devices away for longer begin again from it.',
    access: 'admin',
    params: NoParams,
    result: z.object({
      /** Root hash of the snapshot, hex: equal on devices that hold the same operations. */
      root: z.string(),
      chunks: z.int(),
      madeAt: Millis,
      /** The floor that counts. Null before the first. */
      floor: z
        .object({
          key: z.string(),
          /** What was deleted up to then goes. */
          before: Millis,
          /** Devices that keep to it, of those that have to. */
          accepted: z.int(),
          devices: z.int(),
          /** All do: the past before it is gone here. */
          holds: z.boolean(),
        })
        .nullable(),
    }),
    errors: ['TooLarge', 'Conflict'],
    examples: [{ title: 'Now', params: {} }],
    timeoutMs: 600_000,
  }),
  'sync.recovered.list': defineMethod({
    summary:
      'List what was written while nobody heard of it, to things that are gone since: recovered items.',
    access: 'read',
    params: z.strictObject({ limit: z.int().min(1).max(LIMITS.listMax).default(LIMITS.listDefault) }),
    result: listOf(
      z.object({
        id: z.string(),
        /** When it was written. */
        at: Millis,
        deviceDid: z.string(),
        tableName: z.string(),
        recordId: z.string(),
        conversationId: z.string().nullable(),
        payload: z.record(z.string(), z.json()),
      }),
    ),
    errors: [],
    examples: [{ title: 'The first ones', params: {} }],
  }),
  'sync.recovered.accept': defineMethod({
    summary: 'Take recovered items back: one, those of a conversation, or all of them.',
    access: 'admin',
    params: z.strictObject({
      /** An item, a conversation, or `all`. */
      id: z.string().min(1).max(LIMITS.keyBytes),
    }),
    result: z.object({ items: z.int() }),
    errors: ['NotFound'],
    examples: [],
    positional: ['id'],
  }),
  'sync.recovered.dismiss': defineMethod({
    summary: 'Let recovered items go: one, those of a conversation, or all of them.',
    access: 'admin',
    params: z.strictObject({ id: z.string().min(1).max(LIMITS.keyBytes) }),
    result: z.object({ items: z.int() }),
    errors: ['NotFound'],
    examples: [],
    positional: ['id'],
  }),
  'sync.operations': defineMethod({
    summary: "List this user's operations, oldest first: the database's flight recorder.",
    access: 'read',
    params: z.strictObject({
      ...Page,
      /** Only operations stamped after this hlcTimestamp. */
      since: z.string().max(40).optional(),
      tableName: z.string().max(100).optional(),
    }),
    result: listOf(
      z.object({
        id: z.string(),
        hlcTimestamp: z.string().nullable(),
        operation: z.string(),
        tableName: z.string().nullable(),
        recordId: z.string().nullable(),
        /** Column name to value; null when the operation is hollow: its content was erased. */
        payload: z.record(z.string(), z.json()).nullable(),
        authorDid: z.string(),
        deviceDid: z.string(),
      }),
    ),
    errors: [],
    examples: [{ title: 'The first ones', params: { limit: 5 } }],
  }),
  'sync.verify': defineMethod({
    summary:
      'Check every chain, signature and content hash, and that rows equal the fold of their operations.',
    access: 'read',
    params: NoParams,
    result: z.object({
      ok: z.boolean(),
      operations: z.int(),
      rows: z.int(),
      problems: z.array(z.object({ kind: z.string(), where: z.string(), message: z.string() })),
    }),
    errors: [],
    examples: [{ title: 'Verify', params: {} }],
    timeoutMs: 3_600_000,
  }),
  'sync.rebuild': defineMethod({
    summary: 'Drop and remake every derived row: units, links, topics and indexes.',
    access: 'admin',
    params: NoParams,
    result: z.object({ conversations: z.int(), units: z.int(), topics: z.int(), derivedDigest: z.string() }),
    errors: [],
    examples: [{ title: 'Rebuild', params: {} }],
    timeoutMs: 3_600_000,
  }),
}
