import type { CaptureMessage, Part } from '../../../schema/capture.ts'
import { citationParts, conversationOf, messageOf, partOf, roleNamed, textParts } from './conversation-of.ts'
import { isObject, type JsonObject, objects, text } from './json-value.ts'
import type { ElementProvider, ParsedElement } from './provider.ts'
import { classMark, savedPage } from './saved-page.ts'
import { titleFrom } from './title-from.ts'

/** Kimi: a chat as the site itself gets it, messages made of blocks. */
export const kimi: ElementProvider = {
  name: 'kimi',
  title: 'Kimi',
  validated: false,
  detect: isChat,
  parse: (element) => chat(element),
}

/** Kimi: a share page as a browser saves it. */
export const kimiPage = savedPage({
  name: 'kimi',
  title: 'Kimi',
  hosts: ['kimi.com', 'kimi.moonshot.cn', 'kimi.ai'],
  isConversation: isChat,
  parse: chat,
  marks: [
    classMark('user', 'segment-user'),
    classMark('assistant', 'segment-assistant'),
    classMark('user', 'chat-content-item-user'),
    classMark('assistant', 'chat-content-item-assistant'),
  ],
})

function isChat({ messages }: JsonObject): boolean {
  return objects(messages).some(
    ({ role, blocks }) => text(role) !== undefined && objects(blocks).some(isBlock),
  )
}

function isBlock(block: JsonObject): boolean {
  return isObject(block.text) || isObject(block.think)
}

function chat(element: JsonObject, address?: string): ParsedElement {
  const about = isObject(element.chat) ? element.chat : element
  const messages = objects(element.messages).map(spoken)
  return conversationOf({
    provider: 'kimi',
    originalId: about.id,
    sourceUrl: address,
    title: text(about.name) ?? text(about.title) ?? titleFrom(messages),
    createdAt: about.createTime ?? about.created_at,
    updatedAt: about.updateTime ?? about.updated_at,
    messages,
  })
}

function spoken(message: JsonObject): CaptureMessage {
  const role = roleNamed(message.role)
  return messageOf({
    id: message.id,
    role,
    at: message.createTime ?? message.created_at,
    model: role === 'assistant' ? message.model : undefined,
    hidden: role === 'system',
    parts: objects(message.blocks).flatMap(blockParts),
  })
}

function blockParts(block: JsonObject): Part[] {
  if (isObject(block.text)) return textParts(block.text.content)
  if (isObject(block.think)) return [partOf('thought', block.think.content)]
  if (isObject(block.search)) return citationParts(objects(block.search.results))
  return [partOf('file', '', { block })]
}
