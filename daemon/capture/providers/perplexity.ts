import type { CaptureMessage, Part } from '../../../schema/capture.ts'
import { citationParts, conversationOf, idText, messageOf, textParts } from './conversation-of.ts'
import { isObject, type Json, type JsonObject, list, objects, text } from './json-value.ts'
import type { ElementProvider } from './provider.ts'

/** Footnotes as the site writes them into Markdown: `[^1_2]`. */
const FOOTNOTE = /\[\^\d{1,4}_\d{1,4}\]/g

/** Perplexity: a thread as extensions save it, or the site's own answer. There is no official export. */
export const perplexity: ElementProvider = {
  name: 'perplexity',
  title: 'Perplexity',
  validated: false,

  detect({ metadata, conversations, entries, thread_metadata: thread }) {
    if (isObject(metadata) && objects(conversations).some((each) => 'query' in each && 'answer' in each))
      return true
    return objects(entries).some(
      (entry) =>
        'query_str' in entry && (isObject(thread) || 'thread_url_slug' in entry || 'blocks' in entry),
    )
  },

  parse: (element) => (Array.isArray(element.entries) ? site(element) : saved(element)),
}

function saved(element: JsonObject) {
  const metadata = isObject(element.metadata) ? element.metadata : {}
  return conversationOf({
    provider: 'perplexity',
    originalId: slugIn(metadata.thread_url),
    sourceUrl: metadata.thread_url,
    title: text(metadata.thread_title) ?? metadata.title,
    createdAt: metadata.created_at,
    messages: objects(element.conversations).flatMap((turn) =>
      turnMessages(turn.uuid, turn.query, answerParts(turn.answer, objects(turn.sources)), {
        at: turn.timestamp,
        model: turn.model,
        mode: turn.mode,
      }),
    ),
  })
}

function site(element: JsonObject) {
  const entries = objects(element.entries)
  const thread = isObject(element.thread_metadata) ? element.thread_metadata : {}
  const slug = text(thread.slug) ?? text(entries[0]?.thread_url_slug)
  return conversationOf({
    provider: 'perplexity',
    originalId: slug ?? entries[0]?.context_uuid,
    sourceUrl: slug === undefined ? undefined : `https://www.perplexity.ai/search/${slug}`,
    title: text(thread.title) ?? entries[0]?.thread_title,
    messages: entries.flatMap((entry) =>
      turnMessages(entry.uuid ?? entry.backend_uuid, entry.query_str, blockParts(entry), {
        at: entry.entry_created_datetime ?? entry.updated_datetime,
        model: entry.display_model ?? entry.model,
        mode: entry.mode,
      }),
    ),
  })
}

interface About {
  readonly at: Json | undefined
  readonly model: Json | undefined
  readonly mode: Json | undefined
}

function turnMessages(
  uuid: unknown,
  query: unknown,
  answer: readonly Part[],
  about: About,
): CaptureMessage[] {
  const id = idText(uuid)
  const { at, model, mode } = about
  const asked = textParts(query)
  return [
    ...(asked.length > 0 ? [messageOf({ id, role: 'user', parts: asked, at })] : []),
    ...(answer.length > 0
      ? [
          messageOf({
            id: id && `${id}/answer`,
            role: 'assistant',
            parts: answer,
            at,
            model,
            metadata: { mode },
          }),
        ]
      : []),
  ]
}

function answerParts(answer: unknown, sources: readonly JsonObject[]): Part[] {
  const words = text(answer)
  if (words === undefined) return citationParts(sources)
  const marks = [...words.matchAll(FOOTNOTE)].map(({ 0: mark, index }) => ({ at: index, mark }))
  return [...textParts(words.replace(FOOTNOTE, ''), { marks }), ...citationParts(sources)]
}

function blockParts(entry: JsonObject): Part[] {
  const blocks = objects(entry.blocks)
  const answers = blocks.flatMap(({ markdown_block: block }) => (isObject(block) ? [block] : []))
  const pages = blocks.flatMap(({ web_result_block: block }) =>
    isObject(block) ? objects(block.web_results) : [],
  )
  const whole = answers.map(({ answer, chunks }) => text(answer) ?? list(chunks).filter(text).join(''))
  // The same answer comes once for each way the page shows it.
  const different = [...new Set(whole.filter((words) => words !== ''))]
  return [...different.flatMap((words) => answerParts(words, [])), ...citationParts(pages)]
}

function slugIn(address: unknown): string | undefined {
  return typeof address === 'string' ? /\/search\/([\w.-]{4,300})/.exec(address)?.[1] : undefined
}
