import { z } from 'zod'

/** What an entry of the palette does: one method of this list, with what the person then types. Nothing else is run. */
export const ACTION_METHODS = {
  search: 'search.query',
  context: 'context.compile',
  'capture-link': 'capture.link',
  import: 'capture.import',
  conversations: 'conversations.list',
  archive: 'conversations.archive',
  tag: 'conversations.tag',
  annotate: 'annotations.create',
  'new-notebook': 'notebooks.create',
  'add-to-notebook': 'notebooks.entries.add',
  topics: 'topics.list',
  devices: 'devices.list',
  'sync-now': 'sync.now',
} as const

export type ActionCode = keyof typeof ACTION_METHODS
const ActionCodes = z.enum(Object.keys(ACTION_METHODS) as [ActionCode, ...ActionCode[]])

const Text = z.string().min(1).max(200)
/** What an entry is called and does. */
export const SystemAction = z.strictObject({
  /** Typed after the slash. */
  trigger: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and hyphens'),
  label: Text,
  subLabel: Text.optional(),
  description: Text.optional(),
  actionCode: ActionCodes,
  /** A character or two. */
  icon: z.string().min(1).max(8).optional(),
})
export type SystemAction = z.infer<typeof SystemAction>

/** `chat`: only within a conversation. */
export const SystemCommand = SystemAction.extend({ scope: z.enum(['global', 'chat']).default('global') })
export type SystemCommand = z.infer<typeof SystemCommand>

/** What every node has, until its master says otherwise. */
export const SHIPPED_COMMANDS: readonly SystemCommand[] = [
  { trigger: 'search', label: 'Search everything', actionCode: 'search', scope: 'global' },
  { trigger: 'context', label: 'Ask with your own context', actionCode: 'context', scope: 'chat' },
  { trigger: 'capture', label: 'Keep a shared chat', actionCode: 'capture-link', scope: 'global' },
  { trigger: 'import', label: 'Import an export', actionCode: 'import', scope: 'global' },
  { trigger: 'tag', label: 'Tag this conversation', actionCode: 'tag', scope: 'chat' },
  { trigger: 'archive', label: 'Archive this conversation', actionCode: 'archive', scope: 'chat' },
  { trigger: 'topics', label: 'Show topics', actionCode: 'topics', scope: 'global' },
]
export const SHIPPED_ACTIONS: readonly SystemAction[] = [
  { trigger: 'annotate', label: 'Annotate', actionCode: 'annotate' },
  { trigger: 'notebook', label: 'Add to a notebook', actionCode: 'add-to-notebook' },
  { trigger: 'sync', label: 'Compare with my other devices', actionCode: 'sync-now' },
]
