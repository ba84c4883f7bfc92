import { createHash } from 'node:crypto'
import { type Cbor, encodeCanonical } from '../../crdt/cbor.ts'
import type { Sql } from '../vault/sql.ts'

/** Derived columns by primary key; no row numbers, no shadow tables. */
const DUMPS = [
  `SELECT id, class, content, context, language, type, category, quality, security_level, state
   FROM atomic_chat_units ORDER BY id`,
  'SELECT * FROM acu_occurrences ORDER BY message_id, part, start, acu_id',
  'SELECT * FROM acu_links ORDER BY id',
  'SELECT * FROM topic_profiles ORDER BY id',
  'SELECT * FROM topic_units ORDER BY topic_id, acu_id',
  'SELECT * FROM topic_conversations ORDER BY topic_id, conversation_id',
]
const PAGE = 2_000

/** Hex SHA-256 of a logical dump of every derived table: equal after a rebuild, and on two devices of one version. */
export function derivedDigest(sql: Sql): string {
  const hash = createHash('sha256')
  for (const [index, dump] of DUMPS.entries())
    for (let offset = 0; ; offset += PAGE) {
      const rows = sql.all<Record<string, string | number | null>>(`${dump} LIMIT ${PAGE} OFFSET ${offset}`)
      for (const row of rows) hash.update(encodeCanonical([index, ...(Object.values(row) as Cbor[])]))
      if (rows.length < PAGE) break
    }
  return hash.digest('hex')
}
