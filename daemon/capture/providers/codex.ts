import type { CaptureMessage, Part } from '../../../schema/capture.ts'
import { conversationOf, messageOf, partOf, textParts } from './conversation-of.ts'
import { isObject, type Json, type JsonObject, list, objects, text } from './json-value.ts'
import type { ListProvider } from './provider.ts'
import { titleFrom } from './title-from.ts'

const ENVELOPES = new Set(['session_meta', 'turn_context', 'response_item', 'event_msg', 'compacted'])
/** What the program writes in the user's name. */
const NOT_SAID =
  /^\s*(?:<(?:environment_context|user_instructions|permissions instructions|turn_aborted|INSTRUCTIONS|user_shell_command|collaboration_mode)>|# AGENTS\.md instructions)/

/** Codex CLI: a rollout, the log of one session, in any of its three generations. */
export const codex: ListProvider = {
  kind: 'list',
  name: 'codex',
  title: 'Codex CLI',
  validated: true,

  detect(line) {
    if (line.record_type === 'state') return true
    if (typeof line.type !== 'string') return false
    if (ENVELOPES.has(line.type)) return isObject(line.payload)
    return line.type === 'message' && objects(line.content).some(({ type }) => isTextType(type))
  },

  parse(lines) {
    const session = new Session()
    for (const { value } of lines) session.take(value)
    return [{ parsed: session.conversation(), raw: lines.map(({ bytes }) => bytes) }]
  },
}

class Session {
  readonly #messages: CaptureMessage[] = []
  /** What the screen showed; the same words come again as items, which say more. */
  readonly #shown: CaptureMessage[] = []
  #meta: JsonObject = {}
  #model: Json | undefined
  #items = 0
  #said = false

  take(line: JsonObject): void {
    const payload = isObject(line.payload) ? line.payload : line
    const at = payload.timestamp ?? line.timestamp
    switch (line.type) {
      case 'session_meta':
        // A session that goes on from another begins with the other's line too: the first is its own.
        if (text(this.#meta.id) === undefined) this.#begin(payload)
        return
      case 'turn_context':
        this.#model = payload.model ?? this.#model
        return
      case 'event_msg':
        this.#show(payload, at)
        return
      case 'compacted':
        this.#add('system', textParts(payload.message), at, payload, true, { compactSummary: true })
        return
      default:
        if (line.record_type === 'state') return
        if (typeof payload.type === 'string') this.#item(payload, at)
        else if (text(line.id) !== undefined && text(this.#meta.id) === undefined) this.#begin(line)
    }
  }

  conversation() {
    const messages = this.#said ? this.#messages : [...this.#messages, ...this.#shown]
    const git = isObject(this.#meta.git) ? this.#meta.git : {}
    return conversationOf({
      provider: 'codex',
      originalId: this.#meta.id,
      title: titleFrom(messages),
      model: this.#model,
      createdAt: this.#meta.timestamp,
      messages,
      metadata: {
        folder: this.#meta.cwd,
        version: this.#meta.cli_version,
        gitBranch: git.branch,
        gitCommit: git.commit_hash,
        forkedFrom: this.#meta.forked_from_id,
      },
    })
  }

  #begin(meta: JsonObject): void {
    this.#meta = meta
    const base = isObject(meta.base_instructions) ? meta.base_instructions.text : undefined
    const instructions = text(meta.instructions) ?? text(base)
    if (instructions !== undefined)
      this.#messages.push(
        messageOf({
          id: 'instructions',
          role: 'system',
          parts: textParts(instructions),
          at: meta.timestamp,
          hidden: true,
        }),
      )
  }

  #item(item: JsonObject, at: Json | undefined): void {
    switch (item.type) {
      case 'message':
        this.#message(item, at)
        return
      case 'reasoning':
        this.#add('assistant', thoughtParts(item), at, item)
        return
      case 'function_call':
      case 'custom_tool_call':
      case 'local_shell_call':
      case 'web_search_call':
      case 'tool_search_call': {
        const call = text(item.arguments) ?? text(item.input) ?? (item.action && JSON.stringify(item.action))
        const fields = { id: item.call_id, name: item.name ?? item.type }
        this.#add('assistant', [partOf('tool_call', call, fields)], at, item)
        return
      }
      case 'function_call_output':
      case 'custom_tool_call_output':
      case 'tool_search_output':
        this.#add('tool', [outputPart(item)], at, item)
        return
      // Counters and checkpoints of the program.
      case 'token_count':
      case 'ghost_snapshot':
        return
      default:
        this.#add('system', [partOf('file', '', { item })], at, item, true)
    }
  }

  #message(item: JsonObject, at: Json | undefined): void {
    const parts =
      typeof item.content === 'string' ? textParts(item.content) : list(item.content).flatMap(contentParts)
    if (item.role === 'assistant') this.#add('assistant', parts, at, item)
    else if (item.role === 'user') {
      this.#said = true
      this.#add('user', parts, at, item, NOT_SAID.test(parts[0]?.content ?? ''))
    } else this.#add('system', parts, at, item, true, { sourceRole: item.role })
  }

  #show(event: JsonObject, at: Json | undefined): void {
    const role = event.type === 'user_message' ? 'user' : 'assistant'
    const words = text(event.message)
    if (words === undefined || (event.type !== 'user_message' && event.type !== 'agent_message')) return
    const id = `event-${this.#shown.length + 1}`
    const hidden = role === 'user' && NOT_SAID.test(words)
    this.#shown.push(messageOf({ id, role, parts: textParts(words), at, hidden }))
  }

  #add(
    role: CaptureMessage['role'],
    parts: readonly Part[],
    at: Json | undefined,
    item: JsonObject,
    hidden = false,
    metadata: Record<string, Json | undefined> = {},
  ): void {
    // Items count alike each time the log is read: it grows at its end.
    const number = ++this.#items
    this.#messages.push(
      messageOf({
        id: text(item.id) ?? `item-${number}`,
        role,
        parts,
        at,
        hidden,
        model: role === 'assistant' ? (item.model ?? this.#model) : undefined,
        metadata,
      }),
    )
  }
}

function isTextType(type: unknown): boolean {
  return type === 'input_text' || type === 'output_text'
}

function contentParts(block: Json): Part[] {
  if (typeof block === 'string') return textParts(block)
  if (!isObject(block)) return []
  if (isTextType(block.type) || block.type === 'text') return textParts(block.text)
  if (block.type === 'input_image') return [partOf('image', block.image_url, { detail: block.detail })]
  return [partOf('file', '', { block })]
}

function thoughtParts({ summary, content, encrypted_content }: JsonObject): Part[] {
  const words = [...objects(content), ...(objects(content).length > 0 ? [] : objects(summary))]
  const parts = words.flatMap((each) => (text(each.text) ? [partOf('thought', each.text)] : []))
  return parts.length > 0 || encrypted_content === undefined
    ? parts
    : [partOf('thought', '', { encrypted: true })]
}

/** Text, a list of texts, or JSON in a string with the text inside. */
function outputPart({ call_id: id, output }: JsonObject): Part {
  const items = Array.isArray(output) ? objects(output) : []
  const words = items.map((item) => text(item.text) ?? '').join('')
  const others = items.filter((item) => text(item.text) === undefined)
  const whole = isObject(output) ? (text(output.content) ?? JSON.stringify(output)) : output
  return partOf('tool_result', Array.isArray(output) ? words : whole, { id, items: others })
}
