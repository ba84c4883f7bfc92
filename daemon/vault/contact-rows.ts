import type { Sql } from './sql.ts'
import { type Lineage, lineageOf } from './succession-rows.ts'

/** A node at which a person is reached. */
export interface Reach {
  readonly peerId: string
  /** Multiaddrs, without the peer id. */
  readonly addresses: readonly string[]
}

export type ContactState = 'requested' | 'received' | 'accepted' | 'removed'
export type Trust = 'acquaintance' | 'trusted' | 'close'

/** Another person, as this one stands to them. */
export interface ContactRow {
  readonly did: string
  readonly state: ContactState
  readonly blocked: boolean
  readonly trust: Trust
  readonly petname: string | null
  /** What they call themselves; anybody may call themselves anything. */
  readonly displayName: string | null
  readonly reach: readonly Reach[]
  readonly initiated: boolean
  /** Milliseconds UTC, like the next ones. */
  readonly askedAt: number | null
  readonly acceptedAt: number | null
  readonly confirmedAt: number | null
  readonly hasTheirConsent: boolean
  readonly lineage: Lineage
}

interface Row {
  readonly id: string
  readonly state: ContactState | null
  readonly blocked: number | null
  readonly trust: Trust | null
  readonly petname: string | null
  readonly display_name: string | null
  readonly reach_json: string | null
  readonly initiated: number | null
  readonly asked_at: number | null
  readonly accepted_at: number | null
  readonly confirmed_at: number | null
  readonly consented: number
}

/** Everybody who has a petname or a relation; columns are written one by one, so any may be missing. */
const PEOPLE = `SELECT p.id, c.state, c.blocked, c.trust, n.name AS petname, c.display_name, c.reach_json,
    c.initiated, c.asked_at, c.accepted_at, c.confirmed_at, c.their_consent IS NOT NULL AS consented
  FROM (SELECT id FROM contacts WHERE space = ?1 AND deleted = 0
        UNION SELECT id FROM petnames WHERE space = ?1 AND deleted = 0 AND name IS NOT NULL) p
  LEFT JOIN contacts c ON c.space = ?1 AND c.id = p.id AND c.deleted = 0
  LEFT JOIN petnames n ON n.space = ?1 AND n.id = p.id AND n.deleted = 0`

const KNOWN = `(n.name IS NOT NULL OR c.blocked = 1 OR c.state <> 'removed' OR EXISTS
  (SELECT 1 FROM successions s WHERE s.space = ?1 AND s.predecessor = p.id AND s.deleted = 0))`

/** Undefined for somebody this person has nothing about. */
export function contactOf(sql: Sql, space: number, did: string): ContactRow | undefined {
  const row = sql.get<Row>(`${PEOPLE} WHERE p.id = ?2`, [space, did])
  return row && contactIn(sql, space, row)
}

/** By DID, from the one after `after` on; without those that it is over with. */
export function contactsAfter(sql: Sql, space: number, after: string, limit: number): ContactRow[] {
  return sql
    .all<Row>(`${PEOPLE} WHERE p.id > ?2 AND ${KNOWN} ORDER BY p.id LIMIT ?3`, [space, after, limit])
    .map((row) => contactIn(sql, space, row))
}

/** Those this person wants to be in contact with, and may tell so; who was never told first. */
export function contactsToTell(sql: Sql, space: number, limit: number): ContactRow[] {
  const wanted = `ifnull(c.blocked, 0) = 0 AND c.reach_json IS NOT NULL AND c.state IN ('requested', 'accepted')`
  const order = 'c.confirmed_at IS NOT NULL, c.asked_at DESC, p.id'
  return sql
    .all<Row>(`${PEOPLE} WHERE ${wanted} ORDER BY ${order} LIMIT ?2`, [space, limit])
    .map((row) => contactIn(sql, space, row))
    .filter(({ lineage }) => lineage.succeededBy === null && !lineage.refused)
}

/** The DIDs alone of those in `contactsAfter`. */
export function peopleAfter(sql: Sql, space: number, after: string, limit: number): string[] {
  return sql
    .all<{ id: string }>(`${PEOPLE} WHERE p.id > ?2 AND ${KNOWN} ORDER BY p.id LIMIT ?3`, [
      space,
      after,
      limit,
    ])
    .map(({ id }) => id)
}

/** DIDs that go by that petname; two when two devices gave it at once. */
export function didsNamed(sql: Sql, space: number, name: string): string[] {
  return sql
    .all<{ id: string }>('SELECT id FROM petnames WHERE space = ? AND name = ? AND deleted = 0 LIMIT 2', [
      space,
      name,
    ])
    .map(({ id }) => id)
}

function contactIn(sql: Sql, space: number, row: Row): ContactRow {
  return {
    did: row.id,
    state: row.state ?? 'removed',
    blocked: row.blocked === 1,
    trust: row.trust ?? 'acquaintance',
    petname: row.petname,
    displayName: row.display_name,
    reach: reachIn(row.reach_json),
    initiated: row.initiated === 1,
    askedAt: row.asked_at,
    acceptedAt: row.accepted_at,
    confirmedAt: row.confirmed_at,
    hasTheirConsent: row.consented === 1,
    lineage: lineageOf(sql, space, row.id),
  }
}

/** Another device wrote it: of another form it says nothing. */
function reachIn(json: string | null): Reach[] {
  const value: unknown = json === null ? [] : JSON.parse(json)
  return Array.isArray(value) ? value.filter(isReach) : []
}

function isReach(value: unknown): value is Reach {
  const { peerId, addresses } = (value ?? {}) as Partial<Reach>
  const isText = (text: unknown) => typeof text === 'string'
  return isText(peerId) && Array.isArray(addresses) && addresses.every(isText)
}
