import { createHash } from 'node:crypto'
import type { Sql } from '../vault/sql.ts'
import type { Vault } from '../vault/vault.ts'

/** Goes up when a provider learns to read more: then everything is parsed once again. */
const READERS = 1

/** Names an element by its bytes, under the vault's key. */
export function rawTag(vault: Vault, provider: string, raw: Uint8Array): string {
  const name = `element ${READERS} ${provider} ${createHash('sha256').update(raw).digest('hex')}`
  // A tag is made short for people; two of them are long enough that no two elements share them.
  return vault.secretTag(`1 ${name}`) + vault.secretTag(`2 ${name}`)
}

/** The conversation this element was imported into, if it is there; undefined when it has to be parsed. */
export function knownElement(sql: Sql, space: number, tag: string): string | undefined {
  return sql.get<{ id: string }>(
    `SELECT c.id FROM raw_records r
     JOIN conversations c ON c.space = ?1 AND c.id = r.conversation_id
     WHERE r.raw_tag = ?2`,
    [space, tag],
  )?.id
}
