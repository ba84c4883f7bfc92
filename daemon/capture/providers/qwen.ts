import { isObject, type JsonObject, objects } from './json-value.ts'
import { historyConversation, historyOf } from './open-webui.ts'
import type { ElementProvider, ParsedElement } from './provider.ts'
import { classMark, savedPage } from './saved-page.ts'

/** Qwen Chat: the site's own answer or export, chats in the form of Open WebUI inside `data`. */
export const qwen: ElementProvider = {
  name: 'qwen',
  title: 'Qwen Chat',
  validated: false,
  detect: (element) => 'success' in element && chatsOf(element).length > 0,

  parse(element) {
    const all = chatsOf(element).map((chat) => historyConversation('qwen', chat))
    return {
      conversations: all.flatMap(({ conversations }) => conversations),
      skipped: all.flatMap(({ skipped }) => skipped),
      notes: all.flatMap(({ notes }) => notes),
    } satisfies ParsedElement
  },
}

/** Qwen Chat: a share page as a browser saves it. */
export const qwenPage = savedPage({
  name: 'qwen',
  title: 'Qwen Chat',
  hosts: ['chat.qwen.ai', 'chat.qwenlm.ai'],
  isConversation: (value) => historyOf(value) !== undefined,
  parse: (value, address) => historyConversation('qwen', value, address),
  marks: [
    classMark('user', 'qwen-chat-message-user'),
    classMark('assistant', 'qwen-chat-message-assistant'),
    classMark('user', 'user-message'),
    classMark('assistant', 'response-message'),
  ],
})

function chatsOf({ data }: JsonObject): JsonObject[] {
  const chats = isObject(data) ? [data] : objects(data)
  return chats.filter((chat) => historyOf(chat) !== undefined)
}
