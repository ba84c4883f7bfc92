import { conversationOf } from './conversation-of.ts'
import { text } from './json-value.ts'
import type { ElementProvider } from './provider.ts'
import { titleFrom } from './title-from.ts'
import { readTranscript } from './transcript.ts'

/** Antigravity: a session as its language server tells it, the talk as Markdown. */
export const antigravity: ElementProvider = {
  name: 'antigravity',
  title: 'Antigravity',
  validated: true,

  detect: ({ cascadeId, markdown }) => text(cascadeId) !== undefined && typeof markdown === 'string',

  parse(session) {
    const { messages } = readTranscript(text(session.markdown) ?? '')
    return conversationOf({
      provider: 'antigravity',
      originalId: session.cascadeId,
      title: text(session.title) ?? titleFrom(messages),
      updatedAt: session.lastModifiedTime,
      messages,
      metadata: { workspace: session.workspaceName },
    })
  },
}
