import type { VaultTransaction } from '../vault/vault.ts'
import type { DerivedLink } from './derive.ts'
import { evidenceByLink, type LinkEvidence, sortedEvidence } from './derived-rows.ts'

interface StoredLink {
  readonly id: string
  readonly source_id: string
  readonly target_id: string
  readonly relation: string
  readonly evidence_json: string
}

/**
 * Brings the links up to one conversation's evidence. A link lives as long as any conversation gives evidence;
 * its weight is the highest, its rule that of the first line.
 */
export function storeLinks(
  tx: VaultTransaction,
  conversationId: string,
  links: readonly DerivedLink[],
  unitsBefore: readonly string[],
): void {
  const evidence = evidenceByLink(conversationId, links)
  const stored = linksOf(tx, unitsBefore, [...evidence.keys()])
  const removed: string[] = []
  const rows: unknown[] = []
  for (const id of new Set([...stored.keys(), ...evidence.keys()])) {
    const before = stored.get(id)
    const others = before ? (JSON.parse(before.evidence_json) as LinkEvidence[]) : []
    const lines = sortedEvidence([
      ...others.filter(([conversation]) => conversation !== conversationId),
      ...(evidence.get(id)?.evidence ?? []),
    ])
    const json = JSON.stringify(lines)
    if (before?.evidence_json === json) continue
    if (lines.length === 0) {
      removed.push(id)
      continue
    }
    const weight = lines.reduce((high, [, , , next]) => Math.max(high, next), 0)
    const link = evidence.get(id)?.link
    rows.push([
      id,
      link?.sourceId ?? before!.source_id,
      link?.targetId ?? before!.target_id,
      link?.relation ?? before!.relation,
      weight,
      lines[0]![4],
      lines[0]![0],
      json,
    ])
  }
  if (removed.length > 0)
    tx.run('DELETE FROM acu_links WHERE id IN (SELECT value FROM json_each(?))', [JSON.stringify(removed)])
  if (rows.length > 0)
    tx.run(
      `INSERT OR REPLACE INTO acu_links (id, source_id, target_id, relation, weight, rule, conversation_id, evidence_json)
       SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
       FROM json_each(?)`,
      [JSON.stringify(rows)],
    )
}

/** Links from units the conversation had, and links it gives evidence for now. */
function linksOf(
  tx: VaultTransaction,
  sources: readonly string[],
  ids: readonly string[],
): Map<string, StoredLink> {
  const found = new Map<string, StoredLink>()
  const columns = 'id, source_id, target_id, relation, evidence_json'
  if (sources.length > 0)
    for (const link of tx.all<StoredLink>(
      `SELECT ${columns} FROM acu_links WHERE source_id IN (SELECT value FROM json_each(?))`,
      [JSON.stringify([...new Set(sources)])],
    ))
      found.set(link.id, link)
  if (ids.length > 0)
    for (const link of tx.all<StoredLink>(
      `SELECT ${columns} FROM acu_links WHERE id IN (SELECT value FROM json_each(?))`,
      [JSON.stringify(ids)],
    ))
      found.set(link.id, link)
  return found
}
