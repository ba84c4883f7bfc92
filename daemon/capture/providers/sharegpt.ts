import { conversationOf, messageOf, partOf, roleNamed, textParts } from './conversation-of.ts'
import { type JsonObject, objects, text } from './json-value.ts'
import type { ElementProvider } from './provider.ts'
import { titleFrom } from './title-from.ts'

/** ShareGPT: data sets of conversations, `from` and `value` a message. */
export const sharegpt: ElementProvider = {
  name: 'sharegpt',
  title: 'ShareGPT',
  validated: false,

  detect({ conversations, items }) {
    const [first] = objects(conversations ?? items)
    return first !== undefined && text(first.from) !== undefined && typeof first.value === 'string'
  },

  parse(element) {
    const messages = objects(element.conversations ?? element.items).map(spoken)
    return conversationOf({
      provider: 'sharegpt',
      originalId: element.id,
      title: text(element.title) ?? titleFrom(messages),
      model: element.model,
      messages,
      metadata: { source: element.source },
    })
  },
}

function spoken({ from, value }: JsonObject) {
  const role = roleNamed(from)
  // Data sets name calls and their results as speakers.
  if (from === 'function_call') return messageOf({ role: 'assistant', parts: [partOf('tool_call', value)] })
  return messageOf({
    role,
    parts: role === 'tool' ? [partOf('tool_result', value)] : textParts(value),
    hidden: role === 'system',
  })
}
