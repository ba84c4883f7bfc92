import { hashOf } from '../../../crdt/hash.ts'
import type { CaptureMessage } from '../../../schema/capture.ts'
import { conversationOf, messageOf, roleNamed, textParts } from './conversation-of.ts'
import { csvRows } from './csv-rows.ts'
import type { ParsedGroup, TextProvider } from './provider.ts'

const HEADER = /^"?Conversation"?,"?Time"?,"?Author"?,"?Message"?\r?\n/

interface Row {
  readonly title: string
  readonly time: string
  readonly author: string
  readonly message: string
  readonly raw: Uint8Array
}

/** Microsoft Copilot: the table of the privacy dashboard, newest first. */
export const copilot: TextProvider = {
  kind: 'text',
  name: 'copilot',
  title: 'Microsoft Copilot',
  validated: true,

  detect: (beginning) => HEADER.test(beginning),

  parse(table) {
    const rows: Row[] = []
    let broken = 0
    for (const { fields, start, end } of csvRows(table.slice(HEADER.exec(table)?.[0].length ?? 0))) {
      const [title, time, author, message] = fields
      if (fields.length === 1 && title === '') continue
      if (fields.length !== 4) broken++
      else
        rows.push({
          title: title!,
          time: time!,
          author: author!,
          message: message!,
          raw: Buffer.from(table.slice(start, end)),
        })
    }
    // An answer and its question share one second, the answer first: turned round, never sorted.
    const chats = Map.groupBy(rows.reverse(), ({ title }) => title)
    const groups = [...chats].map(([title, said]) => conversation(title, said))
    if (broken > 0)
      groups.push({
        parsed: { conversations: [], skipped: ['a row without its four fields'], notes: [] },
        raw: [],
      })
    return groups
  },
}

/** The table has no ids: a conversation is known by its title, a message by its second and its words. */
function conversation(title: string, rows: readonly Row[]): ParsedGroup {
  const counts = new Map<string, number>()
  const notes = new Set<string>()
  const messages = rows.flatMap(({ time, author, message }): CaptureMessage[] => {
    const parts = textParts(message)
    if (parts.length === 0) {
      notes.add('messages without words')
      return []
    }
    const hash = Buffer.from(hashOf(['vivim/copilot/1', author, message]))
      .toString('hex')
      .slice(0, 16)
    const name = `${time.slice(0, 40)}#${hash}`
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    const id = count === 0 ? name : `${name}.${count}`
    return [messageOf({ id, role: roleNamed(author), parts, at: time, metadata: { timePrecision: 's' } })]
  })
  const parsed = conversationOf({
    provider: 'copilot',
    originalId: `csv:${Buffer.from(hashOf(['vivim/copilot/1', title]))
      .toString('hex')
      .slice(0, 32)}`,
    title,
    messages,
    notes: [...notes],
  })
  return { parsed, raw: rows.map(({ raw }) => raw) }
}
