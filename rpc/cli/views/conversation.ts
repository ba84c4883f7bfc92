import type { Result } from '../../../schema/methods/index.ts'
import type { OptionValues } from '../command.ts'
import { codeView, markdownView } from './markdown.ts'
import { bold, dim, type Style } from './style.ts'
import { count, cut, date, oneLine, safe } from './text.ts'

type Conversation = Result<'conversations.get'>
type Message = Conversation['messages'][number]
type Part = Message['parts'][number]

/** Lines of a thought or of a tool's answer that are shown, unless all of it is wanted. */
const SHORT_LINES = 8
/** Columns of what stands for a branch. */
const PREVIEW_COLUMNS = 60

/** The shown branch, or the one that was asked for; where others leave it, they are named. */
export function conversationView(
  conversation: Conversation,
  style: Style,
  { branch: asked, full }: OptionValues = {},
): string {
  const { title, provider, model, createdAt, branches, sourceUrl, tags, messages } = conversation
  const head = [
    bold(oneLine(title), style),
    dim([provider, model, date(createdAt)].filter(Boolean).map(String).map(oneLine).join(' · '), style),
    ...(tags.length === 0 ? [] : [dim(tags.map((tag) => `#${oneLine(tag)}`).join(' '), style)]),
    ...(sourceUrl === null ? [] : [dim(oneLine(sourceUrl), style)]),
    ...(branches.length < 2 ? [] : [dim(`${branches.length} branches; --branch N shows one`, style)]),
  ]
  const isWanted = ({ hidden, branch }: Message) =>
    (!hidden || full === true) && (asked !== undefined || branch === 0)
  const shown = messages.filter(isWanted)
  const leaving = asked === undefined ? branchesByParent(messages) : new Map<string | null, Message[]>()
  const first = (leaving.get(null) ?? []).map((message) => branchView(message, messages, style))
  const body = shown.map(
    (message) =>
      messageView(message, style, full === true) +
      (leaving.get(message.id) ?? []).map((other) => branchView(other, messages, style)).join(''),
  )
  return `${head.join('\n')}\n${first.join('')}${body.join('')}`
}

/** The first visible message of each other branch, under the message of the shown branch it follows. */
function branchesByParent(messages: readonly Message[]): Map<string | null, Message[]> {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const seen = new Set([0])
  const found = new Map<string | null, Message[]>()
  for (const message of messages) {
    if (message.hidden || seen.has(message.branch)) continue
    seen.add(message.branch)
    let at = message.parentId === null ? undefined : byId.get(message.parentId)
    const passed = new Set<string>()
    // Up to what is shown: a branch of a branch, or one behind hidden messages.
    while (at && (at.branch !== 0 || at.hidden) && !passed.has(at.id)) {
      passed.add(at.id)
      at = at.parentId === null ? undefined : byId.get(at.parentId)
    }
    const parent = at?.branch === 0 && !at.hidden ? at.id : null
    found.set(parent, [...(found.get(parent) ?? []), message])
  }
  return found
}

function branchView(first: Message, messages: readonly Message[], style: Style): string {
  const length = messages.filter(({ branch, hidden }) => branch === first.branch && !hidden).length
  const words =
    first.parts.find(({ type, content }) => type === 'text' && content.trim() !== '')?.content ?? ''
  const preview = cut(oneLine(words), PREVIEW_COLUMNS)
  const who = oneLine(first.author ?? first.role)
  const line = `└ branch ${first.branch} · ${count(length, 'message')} · ${who}: ${preview}`
  return `${dim(line.trimEnd(), style)}\n`
}

function messageView(
  { role, author, model, createdAt, hidden, parts }: Message,
  style: Style,
  full: boolean,
): string {
  const about = [date(createdAt), ...(model === null ? [] : [oneLine(model)]), ...(hidden ? ['hidden'] : [])]
  const who = bold(oneLine(author ?? role), style)
  const views = parts.map((part) => partView(part, style, full)).filter((view) => view !== '')
  return `\n${who} ${dim(about.join(' · '), style)}\n${views.join('\n')}\n`
}

function partView(part: Part, style: Style, full: boolean): string {
  const { type, content, language = '', metadata = {} } = part
  switch (type) {
    case 'text':
    case 'table':
      return markdownView(content, style)
    case 'code':
    case 'mermaid':
    case 'latex':
      return codeView(content, type === 'code' ? language : type, style)
    case 'citation': {
      const { url, title } = metadata
      const name = typeof title === 'string' && title !== '' ? title : content
      const where = typeof url === 'string' && url !== name ? ` <${url}>` : ''
      return dim(`[citation] ${oneLine(`${name}${where}`)}`, style)
    }
    case 'thought':
      return aside('thought', content, style, full)
    case 'tool_call':
      return aside(
        `tool_call${named(metadata)}`,
        content === '' ? argumentsOf(metadata) : content,
        style,
        full,
      )
    case 'tool_result':
      return aside(`tool_result${named(metadata)}`, content, style, full)
    default:
      return attachment(part, style, full)
  }
}

/** What was not said to the reader: shortened and set back. */
function aside(label: string, content: string, style: Style, full: boolean): string {
  const lines = safe(content).trimEnd().split('\n')
  const kept = full ? lines : lines.slice(0, SHORT_LINES)
  const more = lines.length - kept.length
  const [first = '', ...rest] = kept
  return [
    `[${label}]${first === '' ? '' : ` ${first}`}`,
    ...rest.map((line) => `  ${line}`),
    ...(more > 0 ? [`  … ${count(more, 'more line')}; --full shows all`] : []),
  ]
    .map((line) => dim(line.trimEnd(), style))
    .join('\n')
}

/** A picture or a file by name; bytes in a text are for nobody's eyes. */
function attachment({ type, content, metadata = {} }: Part, style: Style, full: boolean): string {
  const { name, encoding, sizeBytes } = metadata
  const size = typeof sizeBytes === 'number' ? ` (${sizeBytes} bytes)` : ''
  const isData = encoding === 'base64' || content.startsWith('data:')
  const shown = isData ? `${content.length} characters of data` : content
  const label = typeof name === 'string' ? `${type}: ${oneLine(name)}${size}` : type
  return aside(label, shown, style, full)
}

function named({ name }: NonNullable<Part['metadata']>): string {
  return typeof name === 'string' && name !== '' ? `: ${oneLine(name)}` : ''
}

function argumentsOf({ arguments: given }: NonNullable<Part['metadata']>): string {
  return given === undefined ? '' : JSON.stringify(given)
}
