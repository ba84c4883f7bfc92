import type { LevelSpan } from '../knowledge/security/levels.ts'
import { termsOf } from '../knowledge/words/terms.ts'
import type { Vault } from '../vault/vault.ts'
import type { Corpus } from './corpus.ts'

/** A place where a unit stands, with what is known of its message and conversation. */
export interface Place {
  readonly messageId: string
  readonly originalMessageId: string | null
  readonly conversationId: string
  readonly title: string
  readonly archived: boolean
  readonly position: number
  readonly ordinal: number
  readonly role: string
  readonly author: string | null
  readonly live: boolean
  readonly createdAt: number | null
  readonly heading: string | null
}

export interface Unit {
  readonly row: number
  readonly id: string
  readonly class: string
  /** The canonical content, at most `CONTENT_READ` characters of it. */
  readonly content: string
  readonly context: string
  readonly type: string
  readonly quality: number
  readonly level: number
  readonly spans: readonly LevelSpan[]
  readonly archived: boolean
  /** Where conversations and messages are live and not hidden, in a stable order. */
  readonly places: readonly Place[]
  readonly contentTerms: readonly string[]
  readonly contextTerms: readonly string[]
}

/** A larger unit is searched and quoted by its beginning. */
const CONTENT_READ = 40_000
/** A unit that stands in more places ("Thanks!") is known by the first of them. */
const PLACES_READ = 8
const PLACE_ROWS = 4_000
const UNITS_KEPT = 10_000
const CHARACTERS_KEPT = 8_000_000

/** Reads units with their places; what was read is kept, within bounds, until the database changes. */
export class UnitReader {
  readonly #vault: Vault
  readonly #corpus: Corpus
  #changes = -1
  readonly #kept = new Map<number, Unit>()
  #characters = 0

  constructor(vault: Vault, corpus: Corpus) {
    this.#vault = vault
    this.#corpus = corpus
  }

  /** The units of these rows that have a place to show, in the order of the rows. */
  read(rows: readonly number[]): Unit[] {
    this.#forgetStale()
    const units = new Map<number, Unit>()
    const missing: number[] = []
    for (const row of rows) {
      const kept = this.#kept.get(row)
      if (kept) units.set(row, kept)
      else missing.push(row)
    }
    if (missing.length > 0) for (const unit of this.#load(missing)) units.set(unit.row, this.#keep(unit))
    return rows.flatMap((row) => units.get(row) ?? []).filter(({ places }) => places.length > 0)
  }

  /** Rows of the units of the messages at these positions. */
  rowsAt(positions: readonly { conversationId: string; position: number }[]): number[] {
    if (positions.length === 0) return []
    return this.#vault
      .all<{ row: number }>(
        // CROSS JOIN and `+` hold the planner, which has no statistics, to this order and its indexes.
        `SELECT DISTINCT u.rowid_ref AS row
         FROM json_each(?) j
         CROSS JOIN messages m ON m.conversation_id = j.value ->> 0 AND m.position = j.value ->> 1
         CROSS JOIN acu_occurrences o ON o.message_id = m.id
         CROSS JOIN atomic_chat_units u ON u.id = o.acu_id
         WHERE +m.space = ? AND m.deleted = 0 AND m.hidden IS NOT 1
         ORDER BY u.rowid_ref`,
        [
          JSON.stringify(positions.map(({ conversationId, position }) => [conversationId, position])),
          this.#vault.space,
        ],
      )
      .map(({ row }) => row)
  }

  #forgetStale(): void {
    const changes = this.#corpus.refresh()
    if (changes === this.#changes) return
    this.#changes = changes
    this.#kept.clear()
    this.#characters = 0
  }

  #keep(unit: Unit): Unit {
    for (const [row, { content }] of this.#kept) {
      if (this.#kept.size < UNITS_KEPT && this.#characters < CHARACTERS_KEPT) break
      this.#kept.delete(row)
      this.#characters -= content.length
    }
    this.#kept.set(unit.row, unit)
    this.#characters += unit.content.length
    return unit
  }

  #load(rows: readonly number[]): Unit[] {
    const found = this.#vault.all<UnitRow>(
      `SELECT rowid_ref, id, class, substr(content, 1, ${CONTENT_READ}) AS content, context, type, quality,
         security_level, state
       FROM atomic_chat_units WHERE rowid_ref IN (SELECT value FROM json_each(?))`,
      [JSON.stringify(rows)],
    )
    const places = this.#placesOf(found.map(({ id }) => id))
    return found.map((row) => unitOf(row, places.get(row.id) ?? []))
  }

  #placesOf(ids: readonly string[]): Map<string, PlaceRow[]> {
    const byUnit = new Map<string, PlaceRow[]>()
    const rows = this.#placeRows(ids, PLACE_ROWS)
    if (rows.length === PLACE_ROWS) for (const id of ids) byUnit.set(id, this.#placeRows([id], PLACES_READ))
    else
      for (const row of rows) {
        const list = byUnit.get(row.acu_id)
        if (list) list.push(row)
        else byUnit.set(row.acu_id, [row])
      }
    return byUnit
  }

  #placeRows(ids: readonly string[], limit: number): PlaceRow[] {
    const { space } = this.#vault
    return this.#vault.all<PlaceRow>(
      `SELECT o.acu_id, o.message_id, o.conversation_id, o.ordinal, o.heading, o.role, o.live, o.created_at,
         o.security_level, o.spans_json, m.original_id, m.position, m.author, c.state,
         coalesce(c.custom_title, c.title, '') AS title
       FROM json_each(?) j
       CROSS JOIN acu_occurrences o ON o.acu_id = j.value
       CROSS JOIN messages m ON m.space = ? AND m.id = o.message_id AND m.deleted = 0 AND m.hidden IS NOT 1
       CROSS JOIN conversations c ON c.space = ? AND c.id = o.conversation_id AND c.deleted = 0
       LIMIT ${limit}`,
      [JSON.stringify(ids), space, space],
    )
  }
}

function unitOf(row: UnitRow, rows: readonly PlaceRow[]): Unit {
  const spans = uniqueSpans(rows)
  const known = rows.reduce((level, one) => Math.max(level, one.security_level), 0)
  const places = rows
    .map(placeOf)
    .sort((a, b) => compare(a.messageId, b.messageId) || a.ordinal - b.ordinal)
    .slice(0, PLACES_READ)
  return {
    row: row.rowid_ref,
    id: row.id,
    class: row.class,
    content: row.content,
    context: row.context,
    type: row.type,
    quality: row.quality,
    level: Math.max(row.security_level, known),
    spans,
    archived: row.state === 'ARCHIVED',
    places,
    contentTerms: termsOf(row.content),
    contextTerms: termsOf(row.context),
  }
}

function placeOf(row: PlaceRow): Place {
  return {
    messageId: row.message_id,
    originalMessageId: row.original_id,
    conversationId: row.conversation_id,
    title: row.title,
    archived: row.state === 'ARCHIVED',
    position: row.position ?? 0,
    ordinal: row.ordinal,
    role: row.role,
    author: row.author,
    live: row.live === 1,
    createdAt: row.created_at,
    heading: row.heading,
  }
}

function uniqueSpans(rows: readonly PlaceRow[]): LevelSpan[] {
  const spans = new Map<string, LevelSpan>()
  for (const { spans_json } of rows)
    if (spans_json !== null)
      for (const span of JSON.parse(spans_json) as LevelSpan[])
        spans.set(`${span.start} ${span.end} ${span.level}`, span)
  return [...spans.values()].sort((a, b) => a.start - b.start || a.end - b.end || a.level - b.level)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

interface UnitRow {
  readonly rowid_ref: number
  readonly id: string
  readonly class: string
  readonly content: string
  readonly context: string
  readonly type: string
  readonly quality: number
  readonly security_level: number
  readonly state: string
}

interface PlaceRow {
  readonly acu_id: string
  readonly message_id: string
  readonly conversation_id: string
  readonly ordinal: number
  readonly heading: string | null
  readonly role: string
  readonly live: number
  readonly created_at: number | null
  readonly security_level: number
  readonly spans_json: string | null
  readonly original_id: string | null
  readonly position: number | null
  readonly author: string | null
  readonly state: string | null
  readonly title: string
}
