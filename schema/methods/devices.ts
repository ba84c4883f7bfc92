import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { Did, defineMethod, listOf, Millis, NoParams } from './method.ts'

export const DeviceName = z.string().min(1).max(LIMITS.nameCharacters)

export const devicesMethods = {
  'devices.list': defineMethod({
    summary: 'List your devices, this one first.',
    access: 'read',
    params: NoParams,
    result: listOf(
      z.object({
        deviceDid: z.string(),
        name: z.string(),
        thisDevice: z.boolean(),
        /** When this device first knew of it; null for one that has no document yet. */
        addedAt: Millis.nullable(),
        capabilities: z.array(z.string()),
        connected: z.boolean(),
        lastSeenAt: Millis.nullable(),
        /** Operations here that it has not acknowledged; null for this device. */
        behind: z.int().nullable(),
      }),
    ),
    errors: [],
    examples: [{ title: 'All', params: {} }],
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
