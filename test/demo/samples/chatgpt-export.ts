import { type ChatText, type Turn, uuidOf } from './chat-text.ts'

/** One entry of ChatGPT's `conversations-NNN.json`: a tree of nodes, of which `current_node` is the leaf shown. */
export function chatgptConversation(chat: ChatText): Record<string, unknown> {
  const id = uuidOf('chatgpt', chat.title)
  const rootId = uuidOf('root', chat.title)
  const idOf = (index: number) => chat.turns[index]?.uuid ?? rootId
  const nodes = chat.turns.map((turn, index) => ({
    id: turn.uuid,
    message: message(turn, chat.model),
    parent: idOf(turn.parent),
    children: chat.turns.filter(({ parent }) => parent === index).map(({ uuid }) => uuid),
  }))
  const root = {
    id: rootId,
    message: null,
    parent: null,
    children: chat.turns.filter(({ parent }) => parent === -1).map(({ uuid }) => uuid),
  }
  return {
    title: chat.title,
    create_time: chat.startMs / 1000,
    update_time: (chat.turns.at(-1)?.atMs ?? chat.startMs) / 1000,
    mapping: Object.fromEntries([root, ...nodes].map((node) => [node.id, node])),
    moderation_results: [],
    current_node: idOf(chat.turns.length - 1),
    plugin_ids: null,
    conversation_id: id,
    conversation_template_id: null,
    gizmo_id: null,
    gizmo_type: null,
    is_archived: false,
    is_starred: null,
    is_do_not_remember: false,
    memory_scope: 'global_enabled',
    safe_urls: [],
    blocked_urls: [],
    default_model_slug: chat.model,
    conversation_origin: null,
    voice: null,
    async_status: null,
    disabled_tool_ids: [],
    id,
  }
}

interface Shape {
  role: string
  name?: string
  content: Record<string, unknown>
  recipient?: string
  weight?: number
  /** System and context nodes have no time of their own. */
  timeless?: boolean
  metadata?: Record<string, unknown>
}

function message(turn: Turn, model: string): Record<string, unknown> {
  const { role, name, content, recipient, weight, timeless, metadata } = shapeOf(turn)
  return {
    id: turn.uuid,
    author: { role, name: name ?? null, metadata: {} },
    create_time: timeless ? null : turn.atMs / 1000,
    update_time: null,
    content,
    status: 'finished_successfully',
    end_turn: role === 'assistant' && recipient === undefined ? true : null,
    weight: weight ?? 1,
    metadata: { ...(role === 'assistant' ? { model_slug: model } : {}), ...metadata },
    recipient: recipient ?? 'all',
    channel: null,
  }
}

const HIDDEN = { is_visually_hidden_from_conversation: true }

function shapeOf({ kind, words, body, atMs }: Turn): Shape {
  const tool = words[0] ?? ''
  const text = { content_type: 'text', parts: [body] }
  switch (kind) {
    case 'system':
      return {
        role: 'system',
        content: { content_type: 'text', parts: [''] },
        weight: 0,
        timeless: true,
        metadata: HIDDEN,
      }
    case 'context': {
      const [profile = '', instructions = ''] = body.split('|||').map((half) => half.trim())
      return {
        role: 'user',
        content: {
          content_type: 'user_editable_context',
          user_profile: profile,
          user_instructions: instructions,
        },
        timeless: true,
        metadata: { ...HIDDEN, is_user_system_message: true },
      }
    }
    case 'user':
      return userShape(body)
    case 'assistant':
      return { role: 'assistant', ...cited(body) }
    case 'thoughts':
      return {
        role: 'assistant',
        content: {
          content_type: 'thoughts',
          thoughts: [{ summary: 'Thinking it through', content: body, chunks: [], finished: true }],
          source_analysis_msg_id: null,
        },
        metadata: { reasoning_status: 'is_reasoning', finished_duration_sec: 6, request_time: atMs / 1000 },
      }
    case 'recap':
      return { role: 'assistant', content: { content_type: 'reasoning_recap', content: body } }
    case 'call':
      return {
        role: 'assistant',
        content: {
          content_type: 'code',
          language: tool === 'python' ? 'python' : 'unknown',
          response_format_name: null,
          text: body,
        },
        recipient: tool,
      }
    case 'output':
      return { role: 'tool', name: tool, content: { content_type: 'execution_output', text: body } }
    case 'browse':
      return {
        role: 'tool',
        name: tool,
        content: {
          content_type: 'tether_browsing_display',
          result: body,
          summary: null,
          assets: null,
          tether_id: null,
        },
      }
    default:
      throw new Error(`ChatGPT samples have no "${kind}" turn`)
  }

  function userShape(content: string): Shape {
    const image = /^\{\{image (file-\w+) (\d+)x(\d+)\}\}$/m.exec(content)
    if (!image) return { role: 'user', content: text }
    const [line, id, width, height] = image
    const pointer = {
      content_type: 'image_asset_pointer',
      asset_pointer: `file-service://${id}`,
      size_bytes: 412_338,
      width: Number(width),
      height: Number(height),
      fovea: null,
      metadata: null,
    }
    const parts = content.split(line)
    return {
      role: 'user',
      content: {
        content_type: 'multimodal_text',
        parts: [pointer, parts.map((part) => part.trim()).join('\n\n')],
      },
      metadata: { attachments: [{ id, name: 'quote-a.jpg', mime_type: 'image/jpeg', size: 412_338 }] },
    }
  }
}

/** `{{cite turn0search1}}` becomes the private-use characters ChatGPT writes, with the source in the metadata. */
function cited(body: string): Pick<Shape, 'content' | 'metadata'> {
  const references: Record<string, unknown>[] = []
  const text = body.replace(/\{\{cite (\w+)\}\}/g, (_, source: string) => {
    const mark = `\ue200cite\ue202${source}\ue201`
    references.push({
      matched_text: mark,
      type: 'webpage',
      title: 'Lisbon neighbourhoods, a guide',
      url: `https://guide.example/lisbon/${source}`,
      alt: null,
    })
    return mark
  })
  return {
    content: { content_type: 'text', parts: [text] },
    metadata: references.length === 0 ? {} : { content_references: references },
  }
}
