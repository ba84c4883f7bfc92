import type { Result } from '../../schema/methods/index.ts'
import type { NotebookEntryItem, NotebookItem } from '../../schema/methods/notebooks.ts'
import type { Sql } from './sql.ts'

/** How the caller's session sees texts. */
interface ExportView {
  mask(text: string): string
  unitText(id: string): string | undefined
}

interface UnitSource {
  readonly class: string
  readonly title: string | null
  readonly provider: string | null
  readonly source_url: string | null
  readonly created_at: number | null
}

/** A notebook as Markdown: notes as they are, units as quotations with footnotes to where they come from. */
export function notebookMarkdown(
  sql: Sql,
  space: number,
  notebook: NotebookItem,
  entries: readonly NotebookEntryItem[],
  { mask, unitText }: ExportView,
): Result<'notebooks.export'> {
  const lines = [`# ${line(notebook.name)}`]
  if (notebook.description !== null) lines.push(line(notebook.description))
  const notes: string[] = []
  for (const { title, body, acuId } of entries) {
    if (title !== null) lines.push(`## ${line(title)}`)
    if (acuId !== null) {
      const source = sourceOf(sql, space, acuId)
      const number = notes.length + 1
      lines.push(
        source
          ? `${quoted(unitText(acuId) ?? '', source.class)}\n\n[^${number}]`
          : `*A unit that is not here.* [^${number}]`,
      )
      notes.push(`[^${number}]: ${source ? footnote(source, mask) : `Unit ${acuId}`}`)
    }
    if (body !== '') lines.push(body)
  }
  const markdown = `${[...lines, ...notes].join('\n\n')}\n`
  return { id: notebook.id, fileName: fileName(notebook.name), markdown }
}

/** Where a unit stands first, in a conversation that is not in the trash. */
function sourceOf(sql: Sql, space: number, acuId: string): UnitSource | undefined {
  return sql.get<UnitSource>(
    `SELECT u.class, ifnull(c.custom_title, c.title) AS title, c.provider, c.source_url, c.created_at
     FROM atomic_chat_units u
     LEFT JOIN acu_occurrences o ON o.acu_id = u.id
     LEFT JOIN conversations c ON c.space = ? AND c.id = o.conversation_id AND c.deleted = 0
     WHERE u.id = ? ORDER BY c.id IS NULL, c.created_at, c.id LIMIT 1`,
    [space, acuId],
  )
}

function footnote({ title, provider, source_url, created_at }: UnitSource, mask: (text: string) => string) {
  const parts = [
    title === null ? undefined : `“${line(mask(title))}”`,
    provider ?? undefined,
    created_at === null ? undefined : new Date(created_at).toISOString().slice(0, 10),
    source_url === null ? undefined : `<${mask(source_url)}>`,
  ]
  return parts.filter((part) => part !== undefined).join(', ') || 'Source unknown'
}

function quoted(content: string, kind: string): string {
  const language = /^code:(.*)$/.exec(kind)?.[1]
  if (language === undefined) return content.replaceAll(/^/gm, '> ')
  // Longer than any run of backticks in it.
  const runs = content.match(/`+/g) ?? []
  const fence = '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)))
  return `${fence}${language}\n${content}\n${fence}`
}

function line(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

function fileName(name: string): string {
  const safe = line(name)
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N} _-]+/gu, '-')
    .replaceAll(/^[-. ]+|[-. ]+$/g, '')
  return `${safe.slice(0, 80) || 'notebook'}.md`
}
