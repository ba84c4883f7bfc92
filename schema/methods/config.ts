import { z } from 'zod'
import { defineMethod, NoParams } from './method.ts'

export const ConfigItem = z.object({
  key: z.string(),
  value: z.json(),
  /** Where the value comes from. */
  origin: z.enum(['flag', 'environment', 'file', 'default']),
  /** It can change while the node runs. */
  dynamic: z.boolean(),
  description: z.string(),
})

export const configMethods = {
  'config.list': defineMethod({
    summary: 'List every setting with its value and where that comes from.',
    access: 'owner',
    params: NoParams,
    result: z.object({ items: z.array(ConfigItem) }),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'config.get': defineMethod({
    summary: 'Give one setting.',
    access: 'owner',
    params: z.strictObject({ key: z.string().max(200) }),
    result: ConfigItem,
    errors: ['NotFound'],
    examples: [{ title: 'The log level', params: { key: 'log.level' } }],
    positional: ['key'],
  }),
  'config.set': defineMethod({
    summary: 'Change a dynamic setting, now and in the file.',
    access: 'owner',
    params: z.strictObject({ key: z.string().max(200), value: z.json() }),
    result: ConfigItem,
    errors: ['NotFound', 'InvalidParams', 'Forbidden'],
    examples: [{ title: 'More log', params: { key: 'log.level', value: 'debug' } }],
    positional: ['key', 'value'],
  }),
}
