import type { Role } from '../../../schema/capture.ts'
import { claudeParts } from './claude-content.ts'
import { conversationOf, partOf, placelessOf, textParts } from './conversation-of.ts'
import { instant } from './instants.ts'
import { isObject, type JsonObject, text } from './json-value.ts'
import { LineIds } from './line-ids.ts'
import type { TreeNode } from './message-tree.ts'
import type { ListedElement, ListProvider, ParsedGroup } from './provider.ts'
import { titleFrom } from './title-from.ts'
import { type PlacelessMessage, treeMessages } from './tree-messages.ts'

/** Lines that say something; the others are bookkeeping of the program. */
const SPOKEN = new Set(['user', 'assistant', 'system', 'summary', 'queue-operation', 'attachment'])
const KNOWN = new Set([
  ...SPOKEN,
  'file-history-snapshot',
  'progress',
  'ai-title',
  'custom-title',
  'last-prompt',
])
/** What the program writes in the user's name. */
const NOT_SAID =
  /^\s*(?:<(?:command-(?:name|message|args)|local-command-\w+|bash-(?:input|stdout|stderr)|environment_context|system-reminder|task-notification|user-prompt-submit-hook)>|\[Request interrupted|Caveat: The messages below)/

/** Claude Code: a log of one or more sessions, one event a line. */
export const claudeCode: ListProvider = {
  kind: 'list',
  name: 'claude-code',
  title: 'Claude Code',
  validated: true,

  detect({ type, sessionId, uuid, leafUuid, message, snapshot }) {
    if (typeof type !== 'string' || !KNOWN.has(type)) return false
    if (text(leafUuid) !== undefined || isObject(snapshot)) return true
    return (
      text(sessionId) !== undefined && (text(uuid) !== undefined || isObject(message) || !SPOKEN.has(type))
    )
  },

  parse(lines) {
    return [...sessionsOf(lines)].map(([id, session]) => conversation(id, session))
  },
}

/** By session; a line without one belongs to the session of the message it names, else to the one before it. */
function sessionsOf(lines: readonly ListedElement[]): Map<string, ListedElement[]> {
  const sessions = new Map<string, ListedElement[]>()
  const byMessage = new Map<string, string>()
  for (const { value } of lines)
    if (text(value.sessionId) && text(value.uuid)) byMessage.set(text(value.uuid)!, text(value.sessionId)!)
  let last = [...byMessage.values()][0] ?? ''
  for (const line of lines) {
    const { sessionId, leafUuid } = line.value
    last = text(sessionId) ?? byMessage.get(text(leafUuid) ?? '') ?? last
    const session = sessions.get(last)
    if (session) session.push(line)
    else sessions.set(last, [line])
  }
  return sessions
}

function conversation(id: string, lines: readonly ListedElement[]): ParsedGroup {
  const { nodes, current, notes } = nodesOf(lines.map(({ value }) => value))
  const { messages, notes: treeNotes, idAt } = treeMessages(nodes)
  const values = lines.map(({ value }) => value)
  const find = (name: string) =>
    values.map((value) => text(value[name])).findLast((found) => found !== undefined)
  const parsed = conversationOf({
    provider: 'claude-code',
    originalId: id,
    title: find('customTitle') ?? find('aiTitle') ?? find('summary') ?? titleFrom(messages),
    model: messages.findLast(({ model }) => model !== undefined)?.model,
    messages,
    currentMessageId: idAt(current),
    metadata: { folder: find('cwd'), gitBranch: find('gitBranch'), version: find('version') },
    notes: [...notes, ...treeNotes],
  })
  return { parsed, raw: lines.map(({ bytes }) => bytes) }
}

interface Nodes {
  readonly nodes: readonly TreeNode<PlacelessMessage>[]
  /** The last line of the main chain. */
  readonly current: string | undefined
  readonly notes: readonly string[]
}

function nodesOf(lines: readonly JsonObject[]): Nodes {
  const nodes = new Map<string, TreeNode<PlacelessMessage>>()
  /** Key of the first line of each of the model's messages: they are written block by block. */
  const firstLines = new Map<string, string>()
  const ids = new LineIds()
  const notes = new Set<string>()
  let current: string | undefined
  for (const line of lines) {
    if (!SPOKEN.has(String(line.type)) || (line.type === 'summary' && !isObject(line.message))) continue
    const key = text(line.uuid) ?? ids.next(line.timestamp)
    if (nodes.has(key)) {
      notes.add('messages with the id of another')
      continue
    }
    // Notices name no place of their own.
    const isNotice = line.type !== 'user' && line.type !== 'assistant'
    const parent = text(line.parentUuid) ?? text(line.logicalParentUuid) ?? (isNotice ? current : undefined)
    const at = instant(line.timestamp)
    const messageId = isObject(line.message) && line.type === 'assistant' ? text(line.message.id) : undefined
    const first = messageId === undefined ? undefined : firstLines.get(messageId)
    const before = first === undefined ? undefined : nodes.get(first)
    if (before?.message) {
      // Whatever follows this line follows the message it is a piece of.
      const parts = [...before.message.parts, ...claudeParts(line.message as JsonObject)]
      nodes.set(first!, { ...before, message: { ...before.message, parts } })
      nodes.set(key, { key, parent: parent ?? first, at, message: undefined })
    } else {
      if (messageId !== undefined) firstLines.set(messageId, key)
      nodes.set(key, { key, parent, at, message: spoken(key, line) })
    }
    if (line.isSidechain !== true && line.type !== 'queue-operation') current = key
  }
  return { nodes: [...nodes.values()], current, notes: [...notes] }
}

function spoken(id: string, line: JsonObject): PlacelessMessage {
  const message = isObject(line.message) ? line.message : line
  const parts =
    line.type === 'attachment' ? [partOf('file', '', { attachment: line.attachment })] : claudeParts(message)
  const results = parts.filter(({ type }) => type === 'tool_result').length
  const role = roleOf(line, results > 0 && parts.every(({ type }) => type !== 'text'))
  return placelessOf({
    id,
    role,
    parts: parts.length === 0 ? textParts(line.content) : parts,
    model: role === 'assistant' ? message.model : undefined,
    hidden: isHidden(line, role, parts.find(({ type }) => type === 'text')?.content ?? ''),
    metadata: {
      sidechain: line.isSidechain === true || undefined,
      agent: line.agentId,
      compactSummary: line.isCompactSummary === true || line.type === 'summary' || undefined,
      kind:
        SPOKEN.has(String(line.type)) && !['user', 'assistant'].includes(String(line.type))
          ? line.type
          : undefined,
    },
  })
}

function roleOf({ type }: JsonObject, isResult: boolean): Role {
  if (type === 'assistant') return 'assistant'
  if (type === 'user') return isResult ? 'tool' : 'user'
  return 'system'
}

/** Sub-agents talk among themselves; the program talks in the user's name. */
function isHidden(line: JsonObject, role: Role, words: string): boolean {
  const origin = isObject(line.origin) ? text(line.origin.kind) : undefined
  return (
    line.isSidechain === true ||
    line.isMeta === true ||
    line.isCompactSummary === true ||
    role === 'system' ||
    (role === 'user' && ((origin !== undefined && origin !== 'human') || NOT_SAID.test(words)))
  )
}
