import type { VaultTransaction } from '../vault/vault.ts'
import type { DerivedConversation } from './derive.ts'
import { aggregateUnit, type UnitAggregate, type UnitWitness } from './derived-rows.ts'

interface StoredUnit {
  readonly rowid_ref: number
  readonly id: string
  readonly class: string
  readonly content: string
  readonly context: string
  readonly type: string
  readonly category: string
  readonly quality: number
  readonly security_level: number
  readonly state: string
}

interface WitnessRow {
  readonly acu_id: string
  readonly message_id: string
  readonly part: number
  readonly start: number
  readonly heading: string | null
  readonly author: string | null
  readonly title: string
  readonly state: string | null
  readonly type: string
  readonly category: string
  readonly quality: number
  readonly security_level: number
}

/**
 * Makes the rows and index entries of these units what all their occurrences, in any conversation, say they are.
 * A unit without a row has no other occurrences than `derived` gives.
 */
export function refreshUnits(
  tx: VaultTransaction,
  space: number,
  units: ReadonlySet<string>,
  derived: DerivedConversation,
): void {
  if (units.size === 0) return
  const stored = storedUnits(tx, [...units])
  const known = witnessesOf(tx, space, [...stored.keys()])
  for (const unit of stored.values()) {
    const witnesses = known.get(unit.id)
    if (!witnesses) removeUnit(tx, unit)
    else updateUnit(tx, unit, aggregateUnit(witnesses))
  }
  insertUnits(tx, derived, new Set([...units].filter((id) => !stored.has(id))))
}

function storedUnits(tx: VaultTransaction, ids: readonly string[]): Map<string, StoredUnit> {
  const rows = tx.all<StoredUnit>(
    `SELECT rowid_ref, id, class, content, context, type, category, quality, security_level, state
     FROM atomic_chat_units WHERE id IN (SELECT value FROM json_each(?))`,
    [JSON.stringify(ids)],
  )
  return new Map(rows.map((row) => [row.id, row]))
}

function witnessesOf(
  tx: VaultTransaction,
  space: number,
  ids: readonly string[],
): Map<string, UnitWitness[]> {
  const byUnit = new Map<string, UnitWitness[]>()
  if (ids.length === 0) return byUnit
  const rows = tx.all<WitnessRow>(
    `SELECT o.acu_id, o.message_id, o.part, o.start, o.heading, m.author,
       coalesce(c.custom_title, c.title, '') AS title, c.state, o.type, o.category, o.quality, o.security_level
     FROM json_each(?) j
     JOIN acu_occurrences o ON o.acu_id = j.value
     LEFT JOIN conversations c ON c.space = ? AND c.id = o.conversation_id
     LEFT JOIN messages m ON m.space = ? AND m.id = o.message_id`,
    [JSON.stringify(ids), space, space],
  )
  for (const row of rows) {
    const witness: UnitWitness = {
      messageId: row.message_id,
      part: row.part,
      start: row.start,
      heading: row.heading,
      author: row.author,
      title: row.title,
      archived: row.state === 'ARCHIVED',
      type: row.type,
      category: row.category,
      quality: row.quality,
      securityLevel: row.security_level,
    }
    const list = byUnit.get(row.acu_id)
    if (list) list.push(witness)
    else byUnit.set(row.acu_id, [witness])
  }
  return byUnit
}

/** Scripts without spaces, and names made of parts: what whole words do not find. */
const NEEDS_TRIGRAMS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]|\p{Ll}\p{Lu}|\w[_/.:-]\w/u

/** Whether the trigram index holds a unit: a function of what the row says, so that taking it out agrees. */
function hasTrigrams(unitClass: string, content: string): boolean {
  return unitClass !== 'text' || NEEDS_TRIGRAMS.test(content)
}

/** FTS5 with external content takes a row out by the values it was put in with. */
function removeUnit(tx: VaultTransaction, unit: StoredUnit): void {
  const { rowid_ref, content, context } = unit
  unindex(tx, rowid_ref, content, context)
  if (hasTrigrams(unit.class, content))
    tx.run("INSERT INTO unit_trigram_index (unit_trigram_index, rowid, content) VALUES ('delete', ?, ?)", [
      rowid_ref,
      content,
    ])
  tx.run('DELETE FROM atomic_chat_units WHERE rowid_ref = ?', [rowid_ref])
}

function updateUnit(tx: VaultTransaction, before: StoredUnit, after: UnitAggregate): void {
  const { rowid_ref, content } = before
  const same =
    before.type === after.type &&
    before.category === after.category &&
    before.quality === after.quality &&
    before.security_level === after.securityLevel &&
    before.state === after.state &&
    before.context === after.context
  if (same) return
  if (before.context !== after.context) unindex(tx, rowid_ref, content, before.context)
  tx.run(
    `UPDATE atomic_chat_units SET context = ?, type = ?, category = ?, quality = ?, security_level = ?, state = ?
     WHERE rowid_ref = ?`,
    [after.context, after.type, after.category, after.quality, after.securityLevel, after.state, rowid_ref],
  )
  if (before.context !== after.context)
    tx.run('INSERT INTO unit_index (rowid, content, context) VALUES (?, ?, ?)', [
      rowid_ref,
      content,
      after.context,
    ])
}

function unindex(tx: VaultTransaction, row: number, content: string, context: string): void {
  tx.run("INSERT INTO unit_index (unit_index, rowid, content, context) VALUES ('delete', ?, ?, ?)", [
    row,
    content,
    context,
  ])
}

/** New units get the highest rows, so the indexes are filled from the table in one statement each. */
function insertUnits(tx: VaultTransaction, derived: DerivedConversation, ids: ReadonlySet<string>): void {
  if (ids.size === 0) return
  const witnesses = new Map<string, UnitWitness[]>()
  const first = new Map<string, DerivedConversation['occurrences'][number]>()
  for (const unit of derived.occurrences) {
    if (!ids.has(unit.id)) continue
    const witness = { ...unit, title: derived.title, archived: derived.archived }
    const list = witnesses.get(unit.id)
    if (list) list.push(witness)
    else {
      witnesses.set(unit.id, [witness])
      first.set(unit.id, unit)
    }
  }
  const rows = Array.from(first.values(), (unit) => {
    const { context, type, category, quality, securityLevel, state } = aggregateUnit(witnesses.get(unit.id)!)
    const { id, class: unitClass, content, language } = unit
    return [id, unitClass, content, context, language, type, category, quality, securityLevel, state]
  })
  const last = tx.get<{ row: number }>('SELECT ifnull(max(rowid_ref), 0) AS row FROM atomic_chat_units')!.row
  tx.run(
    `INSERT INTO atomic_chat_units (id, class, content, context, language, type, category, quality, security_level, state)
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
       value ->> 8, value ->> 9 FROM json_each(?)`,
    [JSON.stringify(rows)],
  )
  tx.run(
    'INSERT INTO unit_index (rowid, content, context) SELECT rowid_ref, content, context FROM atomic_chat_units WHERE rowid_ref > ?',
    [last],
  )
  const trigrams = Array.from(first.values()).filter((unit) => hasTrigrams(unit.class, unit.content))
  if (trigrams.length > 0)
    tx.run(
      `INSERT INTO unit_trigram_index (rowid, content) SELECT rowid_ref, content FROM atomic_chat_units
       WHERE id IN (SELECT value FROM json_each(?))`,
      [JSON.stringify(trigrams.map(({ id }) => id))],
    )
}
