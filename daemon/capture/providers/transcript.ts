import type { CaptureMessage, Role } from '../../../schema/capture.ts'
import { conversationOf, messageOf, textParts } from './conversation-of.ts'
import type { ParsedGroup, TextProvider } from './provider.ts'
import { titleFrom } from './title-from.ts'

const USER = 'user(?: input)?|you|human|me|prompt|question|query'
const MODEL =
  'assistant|ai|bot|model|response|answer|planner response|chatgpt|gpt[\\w.-]*|claude[\\w. -]{0,20}|gemini[\\w. -]{0,20}|copilot|grok|deepseek|perplexity|mistral|le chat|kimi|qwen|z\\.ai|glm[\\w.-]*|llama[\\w.-]*'
const NAME = `(?<user>${USER})|(?<model>${MODEL})|(?<system>system)`
/** A time or a name in brackets behind the speaker. */
const ASIDE = '(?:\\s*\\((?<aside>[^()\\n]{1,60})\\))?'

/** How speakers are named; one way for the whole of a transcript. */
const STYLES: readonly RegExp[] = [
  new RegExp(
    `^#{1,6}\\s+(?:[^\\w\\s#*]{1,4}\\s*)?\\**(?:${NAME})(?:\\s+(?:said|asked|wrote))?${ASIDE}:?\\**:?\\s*$`,
    'iu',
  ),
  new RegExp(
    `^(?:[^\\w\\s#*>-]{1,4}\\s*)?\\*\\*(?:${NAME})(?:\\s+said)?${ASIDE}:?\\*\\*${ASIDE.replace('aside', 'late')}:?\\s*(?<rest>.*)$`,
    'iu',
  ),
  new RegExp(`^(?:${NAME})(?:\\s+said)?${ASIDE}:(?:\\s+(?<rest>.*))?$`, 'iu'),
]
const FENCE = /^\s*(?:```|~~~)/
/** The first speaker stands near the beginning, or it is a text that quotes a talk. */
const HEAD_LINES = 60

/** Markdown and plain transcripts: speakers named on lines of their own or before their words. */
export const transcript: TextProvider = {
  kind: 'text',
  name: 'transcript',
  title: 'Markdown or plain transcript',
  validated: true,

  detect(beginning) {
    if (/^\s*</.test(beginning)) return false
    return styleOf(beginning) !== undefined
  },

  parse(text, file) {
    const { title, sourceUrl, messages } = readTranscript(text)
    const parsed = conversationOf({
      provider: 'transcript',
      sourceUrl,
      title: title ?? titleFrom(messages) ?? file,
      messages,
    })
    return [{ parsed, raw: [Buffer.from(text)] }] satisfies ParsedGroup[]
  },
}

export interface Transcript {
  readonly title: string | undefined
  readonly sourceUrl: string | undefined
  readonly messages: CaptureMessage[]
}

/** What is said before the first speaker is the head: a title, an address. Nothing between speakers is lost. */
export function readTranscript(text: string): Transcript {
  const style = styleOf(text)
  const messages: CaptureMessage[] = []
  const head: string[] = []
  let said: string[] | undefined
  let open: { role: Role; author: string | undefined; at: string | undefined } | undefined
  const end = () => {
    const parts = textParts(
      said
        ?.join('\n')
        .replace(/^\n+|\s+$/g, '')
        .replace(/\n+(?:---|\*\*\*)$/, ''),
    )
    if (open && parts.length > 0) messages.push(messageOf({ ...open, parts, hidden: open.role === 'system' }))
  }
  let fenced = false
  for (const line of text.split(/\r?\n/)) {
    const match = fenced ? undefined : style?.exec(line)
    if (FENCE.test(line)) fenced = !fenced
    if (!match) {
      ;(said ?? head).push(line)
      continue
    }
    end()
    const { user, model, system, aside, late, rest } = match.groups ?? {}
    open = { role: user ? 'user' : system ? 'system' : 'assistant', author: model, at: aside ?? late }
    said = rest ? [rest] : []
  }
  end()
  return {
    title: head.map((line) => /^#{1,3}\s+(\S.*)$/.exec(line)?.[1]).find((found) => found !== undefined),
    sourceUrl: /^(?:\**(?:source|url|link)\**\s*:\**)\s*<?(https?:\/\/[^\s<>)]+)/im.exec(
      head.join('\n'),
    )?.[1],
    messages,
  }
}

/** The first way in which both sides are named. */
function styleOf(text: string): RegExp | undefined {
  const lines = text.split(/\r?\n/)
  return STYLES.find((style) => {
    let user = 0
    let model = 0
    let first: number | undefined
    let fenced = false
    for (const [number, line] of lines.entries()) {
      if (FENCE.test(line)) fenced = !fenced
      const groups = fenced ? undefined : style.exec(line)?.groups
      if (!groups) continue
      first ??= number
      if (groups.user) user++
      else if (groups.model) model++
    }
    return user > 0 && model > 0 && first !== undefined && first < HEAD_LINES
  })
}
