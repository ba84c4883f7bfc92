import type { CaptureMessage, Role } from '../../../schema/capture.ts'
import { conversationOf, messageOf, partOf, textParts } from './conversation-of.ts'
import { htmlMarkdown } from './html-markdown.ts'
import { attributeOf, hasClass, htmlTokens } from './html-tokens.ts'
import type { JsonObject } from './json-value.ts'
import { findObject, pageData } from './page-data.ts'
import type { ParsedElement, TextProvider } from './provider.ts'
import { skippedElement } from './provider.ts'
import { titleFrom } from './title-from.ts'

/** What marks a message on a page. */
export interface PageMark {
  readonly role: Role
  readonly isThought?: boolean
  matches(attributes: string): boolean
}

export interface SavedPage {
  readonly name: string
  readonly title: string
  /** Hosts a page of this provider can come from. */
  readonly hosts: readonly string[]
  /** True for a page that names no address and is this provider's all the same. */
  isKnown?(beginning: string): boolean
  /** The conversation in the page's own data. */
  isConversation(value: JsonObject): boolean
  parse(value: JsonObject, address: string | undefined): ParsedElement
  readonly marks: readonly PageMark[]
  idOf?(attributes: string): string | undefined
}

/** A reader of pages as a browser saves them: by their data where it is there, else by what they show. */
export function savedPage(page: SavedPage): TextProvider {
  return {
    kind: 'text',
    name: page.name,
    title: page.title,
    validated: false,

    detect(beginning) {
      if (!/<(?:!doctype|html|head|meta|script)\b/i.test(beginning.slice(0, 4_000))) return false
      const host = hostOf(addressOf(beginning))
      return host === undefined ? (page.isKnown?.(beginning) ?? false) : page.hosts.includes(host)
    },

    parse(html) {
      const address = addressOf(html)
      return [{ parsed: read(page, html, address), raw: [Buffer.from(html)] }]
    },
  }
}

function read(page: SavedPage, html: string, address: string | undefined): ParsedElement {
  for (const value of pageData(html)) {
    const conversation = findObject(value, page.isConversation)
    const parsed = conversation && page.parse(conversation, address)
    if (parsed && parsed.conversations.length > 0) return parsed
  }
  const messages = shownMessages(page, html)
  if (messages.length === 0)
    return skippedElement('a page without a conversation in it: save it once it shows all of it')
  return conversationOf({
    provider: page.name,
    sourceUrl: address,
    title: titleOf(html) ?? titleFrom(messages),
    messages,
  })
}

function shownMessages(page: SavedPage, html: string): CaptureMessage[] {
  const messages: CaptureMessage[] = []
  let open: { mark: PageMark; tag: string; depth: number; start: number; id: string | undefined } | undefined
  for (const token of htmlTokens(html)) {
    if (token.kind === 'text') continue
    if (!open) {
      const mark =
        token.kind === 'open' ? page.marks.find((each) => each.matches(token.attributes)) : undefined
      if (mark)
        open = { mark, tag: token.name, depth: 1, start: token.end, id: page.idOf?.(attributesOf(token)) }
      continue
    }
    if (token.name !== open.tag) continue
    open.depth += token.kind === 'open' ? 1 : -1
    if (open.depth > 0) continue
    const { mark, start, id } = open
    const words = htmlMarkdown(html, start, token.at)
    if (words !== '') {
      const parts = mark.isThought ? [partOf('thought', words)] : textParts(words)
      const last = messages.at(-1)
      // Thoughts stand before the answer they belong to.
      if (last?.role === mark.role && last.parts.every(({ type }) => type === 'thought') && !mark.isThought)
        messages[messages.length - 1] = { ...last, parts: [...last.parts, ...parts] }
      else messages.push(messageOf({ id, role: mark.role, parts }))
    }
    open = undefined
  }
  return messages
}

function attributesOf(token: { readonly attributes: string }): string {
  return token.attributes
}

export function classMark(role: Role, name: string, isThought = false): PageMark {
  return { role, isThought, matches: (attributes) => hasClass(attributes, name) }
}

/** Where a page is from: what the browser noted, or what the page says of itself. */
function addressOf(html: string): string | undefined {
  const noted = /<!--\s*saved from url=\(\d+\)(https?:\/\/[^\s>]{1,3000})/i.exec(html.slice(0, 4_000))?.[1]
  if (noted !== undefined) return noted
  for (const token of htmlTokens(html)) {
    if (token.kind !== 'open') continue
    if (token.name === 'body') return undefined
    const isCanonical = token.name === 'link' && attributeOf(token.attributes, 'rel') === 'canonical'
    const isOg = token.name === 'meta' && attributeOf(token.attributes, 'property') === 'og:url'
    const found = isCanonical
      ? attributeOf(token.attributes, 'href')
      : isOg
        ? attributeOf(token.attributes, 'content')
        : undefined
    if (found !== undefined && /^https?:\/\//.test(found)) return found
  }
  return undefined
}

function hostOf(address: string | undefined): string | undefined {
  return address !== undefined && URL.canParse(address)
    ? new URL(address).hostname.replace(/^www\./, '')
    : undefined
}

function titleOf(html: string): string | undefined {
  let inTitle = false
  for (const token of htmlTokens(html)) {
    if (token.kind === 'open') {
      if (token.name === 'body') return undefined
      inTitle = token.name === 'title'
    } else if (token.kind === 'text' && inTitle) {
      return (
        htmlMarkdown(token.text)
          .replace(/\s+[-|–·]\s+(?:ChatGPT|Kimi|Qwen|Z\.ai|Claude|Grok|DeepSeek|Gemini|Perplexity)\b.*$/i, '')
          .trim() || undefined
      )
    }
  }
  return undefined
}
