import { type ChatText, type Turn, uuidOf } from './chat-text.ts'

const ROOT = '00000000-0000-4000-8000-000000000000'
const UNSUPPORTED = '```\nThis block is not supported on your current device yet.\n```'

/** One entry of Claude's `conversations.json`: messages whose `content` blocks are authoritative. */
export function claudeConversation(chat: ChatText, account: string): Record<string, unknown> {
  return {
    uuid: uuidOf('claude', chat.title),
    name: chat.title,
    summary: '',
    created_at: iso(chat.startMs),
    updated_at: iso(chat.turns.at(-1)?.atMs ?? chat.startMs),
    account: { uuid: account },
    current_leaf_message_uuid: chat.turns.at(-1)?.uuid ?? null,
    chat_messages: chat.turns.map((turn) => message(turn, chat.turns[turn.parent]?.uuid ?? ROOT)),
  }
}

function message(turn: Turn, parent: string): Record<string, unknown> {
  const pieces = piecesOf(turn.body)
  const blocks = pieces.flatMap((piece, index) => block(piece, turn, index))
  return {
    uuid: turn.uuid,
    text: pieces.flatMap(textOf).join('\n'),
    content: blocks,
    sender: turn.kind,
    created_at: iso(turn.atMs),
    updated_at: iso(turn.atMs),
    attachments: pieces.flatMap(({ kind, name, body }) =>
      kind === 'attachment'
        ? [{ file_name: name, file_size: body.length, file_type: 'text/plain', extracted_content: body }]
        : [],
    ),
    files: [],
    parent_message_uuid: parent,
  }
}

interface Piece {
  kind: string
  name: string
  body: string
}

/** A body is text, or pieces headed by `--- thinking`, `--- tool_use NAME`, `--- attachment FILE`, … */
function piecesOf(body: string): Piece[] {
  return `--- text\n${body}`
    .split(/^--- /m)
    .slice(1)
    .map((piece) => {
      const lineEnd = piece.indexOf('\n')
      const [kind = '', name = ''] = piece.slice(0, lineEnd).trim().split(' ')
      return { kind, name, body: piece.slice(lineEnd + 1).trim() }
    })
    .filter(({ body }) => body !== '')
}

/** The `text` field of real exports: the words, and junk in place of what old apps cannot show. */
function textOf({ kind, body }: Piece): string[] {
  if (kind === 'text') return [body]
  return kind === 'tool_use' ? [UNSUPPORTED] : []
}

function block({ kind, name, body }: Piece, turn: Turn, index: number): Record<string, unknown>[] {
  const times = { start_timestamp: iso(turn.atMs), stop_timestamp: iso(turn.atMs + 1_000) }
  switch (kind) {
    case 'text':
      return [{ ...times, type: 'text', text: body, citations: [] }]
    case 'thinking':
      return [{ ...times, type: 'thinking', thinking: body, summaries: [], cut_off: false }]
    case 'tool_use':
      return [
        { ...times, type: 'tool_use', id: `toolu_${index}`, name, input: JSON.parse(body), message: null },
      ]
    case 'tool_result':
      return [
        {
          ...times,
          type: 'tool_result',
          tool_use_id: `toolu_${index - 1}`,
          name,
          content: [{ type: 'text', text: body, uuid: uuidOf(turn.uuid, index) }],
          is_error: false,
        },
      ]
    case 'attachment':
      return []
    default:
      throw new Error(`Claude samples have no "${kind}" block`)
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/Z$/, '000Z')
}
