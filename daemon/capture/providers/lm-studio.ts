import type { Part } from '../../../schema/capture.ts'
import { conversationOf, partOf, placelessOf, roleNamed, textParts } from './conversation-of.ts'
import { instant } from './instants.ts'
import { isObject, type JsonObject, objects, text } from './json-value.ts'
import type { TreeNode } from './message-tree.ts'
import type { ElementProvider } from './provider.ts'
import { titleFrom } from './title-from.ts'
import { type PlacelessMessage, treeMessages } from './tree-messages.ts'

/** LM Studio: a conversation whose messages come in versions, one of them selected. */
export const lmStudio: ElementProvider = {
  name: 'lm-studio',
  title: 'LM Studio',
  validated: false,

  detect: ({ messages }) =>
    objects(messages).some(
      ({ versions, currentlySelected }) => Array.isArray(versions) && currentlySelected !== undefined,
    ),

  parse(element) {
    const { nodes, current } = nodesOf(objects(element.messages))
    const { messages, notes, idAt } = treeMessages(nodes)
    return conversationOf({
      provider: 'lm-studio',
      // A file has no id; when it was begun, to the millisecond, is one.
      originalId:
        instant(element.createdAt) === undefined ? undefined : `created ${instant(element.createdAt)}`,
      title: text(element.name) ?? titleFrom(messages),
      createdAt: element.createdAt,
      model: isObject(element.lastUsedModel)
        ? (element.lastUsedModel.identifier ?? element.lastUsedModel.indexedModelIdentifier)
        : undefined,
      messages,
      currentMessageId: idAt(current),
      metadata: { pinned: element.pinned || undefined, system: element.systemPrompt },
      notes,
    })
  },
}

/** Each version follows the selected version of the message before it. */
function nodesOf(messages: readonly JsonObject[]): {
  nodes: TreeNode<PlacelessMessage>[]
  current: string | undefined
} {
  const nodes: TreeNode<PlacelessMessage>[] = []
  let current: string | undefined
  for (const [place, message] of messages.entries()) {
    const versions = objects(message.versions)
    const selected = Number.isInteger(message.currentlySelected) ? Number(message.currentlySelected) : 0
    const parent = current
    for (const [number, version] of versions.entries()) {
      const key = `${place}.${number}`
      nodes.push({ key, parent, at: undefined, message: spoken(key, version) })
      if (number === selected || (number === 0 && selected >= versions.length)) current = key
    }
  }
  return { nodes, current }
}

function spoken(id: string, version: JsonObject): PlacelessMessage {
  const role = roleNamed(version.role)
  const steps = objects(version.steps)
  const info = isObject(version.senderInfo) ? version.senderInfo : {}
  return placelessOf({
    id,
    role,
    parts: steps.length > 0 ? steps.flatMap(stepParts) : contentParts(objects(version.content)),
    author: role === 'assistant' ? info.senderName : undefined,
    hidden: role === 'system',
  })
}

/** A step is a block of content with a style, or a note on the program's state. */
function stepParts(step: JsonObject): Part[] {
  if (step.type !== 'contentBlock') return []
  const style = isObject(step.style) ? step.style : {}
  const parts = contentParts(objects(step.content))
  if (style.type !== 'thinking') return parts
  return parts.map((part) => ({ ...part, type: 'thought' as const }))
}

function contentParts(items: readonly JsonObject[]): Part[] {
  return items.flatMap((item): Part[] => {
    switch (item.type) {
      case 'text':
        return textParts(item.text)
      case 'file':
        return [
          partOf(item.fileType === 'image' ? 'image' : 'file', '', {
            id: item.fileIdentifier,
            kind: item.fileType,
            sizeBytes: item.sizeBytes,
          }),
        ]
      case 'toolCallRequest':
        return [
          partOf('tool_call', '', {
            id: item.toolCallRequestId ?? item.callId,
            name: item.name,
            arguments: item.parameters,
          }),
        ]
      case 'toolCallResult':
        return [partOf('tool_result', item.content, { id: item.toolCallId ?? item.callId })]
      default:
        return [partOf('file', '', { item })]
    }
  })
}
