import { planExport } from '../../daemon/capture/export-plan.ts'
import { readExport } from '../../daemon/capture/export-reader.ts'
import { captureConversation } from '../../daemon/capture/pipeline.ts'
import { openSource } from '../../daemon/capture/sources/open-source.ts'
import { loadConversation, type StoredConversation } from '../../daemon/vault/conversation-reader.ts'
import type { OpenVault } from '../../daemon/vault/open-vault.ts'
import { CaptureConversation } from '../../schema/capture.ts'

/** How much of a part is shown. */
const SHOWN = 60

/**
 * Stores all conversations of a file or folder, and says in lines what is stored then:
 * `conversation PROVIDER ID "TITLE" CREATED UPDATED`, then per message
 * `PLACE <PARENT'S PLACE bBRANCH ROLE[ hidden] TIME[ model] | TYPE: CONTENT | …`; `skipped`, `note` and `broken` lines.
 * Throws when a conversation is not canonical, or when storing it again changes anything.
 */
export async function captureLines(path: string, vault: OpenVault): Promise<string[]> {
  const lines: string[] = []
  const source = await openSource({ path }, [])
  try {
    for await (const item of readExport(source, await planExport(source))) {
      if (item.kind === 'others') {
        lines.push(`others: ${item.count}`)
        continue
      }
      if (item.kind === 'known') continue
      if (item.kind !== 'parsed') {
        lines.push(`${item.kind} ${item.where}: ${item.message}`)
        continue
      }
      for (const conversation of item.parsed.conversations) {
        CaptureConversation.parse(conversation)
        const capture = () =>
          vault.transact((tx) =>
            captureConversation(tx, vault, conversation, { again: false, capturedAt: 1, raw: item.raw }),
          )
        const { conversationId } = capture()
        const operations = () => vault.get<{ n: number }>('SELECT count(*) AS n FROM sync_operations')!.n
        const before = operations()
        if (capture().status !== 'unchanged' || operations() !== before)
          throw new Error(`${item.where}: stored again, it is not the same`)
        lines.push(...linesOf(loadConversation(vault, conversationId)!))
      }
      for (const reason of item.parsed.skipped) lines.push(`skipped ${item.where}: ${reason}`)
      for (const note of item.parsed.notes) lines.push(`note ${item.where}: ${note}`)
    }
  } finally {
    await source.close()
  }
  return lines
}

function linesOf(conversation: StoredConversation): string[] {
  const { provider, originalId, title, createdAt, updatedAt, messages } = conversation
  const places = new Map(messages.map(({ id }, place) => [id, place]))
  return [
    `conversation ${provider} ${originalId ?? '-'} ${JSON.stringify(title ?? '')} ${time(createdAt)} ${time(updatedAt)}`,
    ...messages.map((message, place) =>
      [
        `${place} <${message.parentId === null ? '-' : places.get(message.parentId)}`,
        `b${message.branch}`,
        message.role + (message.hidden ? ' hidden' : ''),
        time(message.createdAt),
        ...(message.model === null ? [] : [message.model]),
        ...message.parts.map(({ type, content, language, metadata }) =>
          `| ${type}${language === undefined ? '' : ` ${language}`}: ${metadata?.blob === undefined ? shown(content) : `${metadata.sizeBytes} bytes`}`.trimEnd(),
        ),
      ].join(' '),
    ),
  ]
}

function shown(content: string): string {
  const line = content.replaceAll('\n', '⏎').replaceAll('\t', '⇥')
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line
}

function time(ms: number | null): string {
  return ms === null ? '-' : new Date(ms).toISOString().replace('.000Z', 'Z')
}
