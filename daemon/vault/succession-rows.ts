import type { Sql } from './sql.ts'

/** That one root key has another one as its successor. */
export interface SuccessionRow {
  readonly id: string
  readonly predecessor: string
  readonly successor: string
  readonly statement: Uint8Array
  /** Milliseconds UTC, like the next one. */
  readonly seenAt: number
  /** Null: it was not. */
  readonly followedAt: number | null
}

/** What is known of the root keys around a DID. */
export interface Lineage {
  /** Whose place it took, and when that was followed. */
  readonly succeeds: string | null
  readonly followedAt: number | null
  /** Who took its place. */
  readonly succeededBy: string | null
  /** Somebody signed two successors of this one, or of the one that this one claims to succeed. */
  readonly disputed: boolean
  /** It claims the place of somebody who is followed to another one: it is nobody's contact. */
  readonly refused: boolean
}

const COLUMNS = `id, predecessor, successor, statement, seen_at AS seenAt, followed_at AS followedAt`
const WHOLE = `deleted = 0 AND predecessor IS NOT NULL AND successor IS NOT NULL AND statement IS NOT NULL
  AND seen_at IS NOT NULL`
/** The one that counts comes first: whichever of the person's devices followed it, all decide alike. */
const FIRST = 'followed_at IS NULL, followed_at, id'

/** All that name a successor of that one. */
export function successorsOf(sql: Sql, space: number, predecessor: string): SuccessionRow[] {
  return sql.all<SuccessionRow>(
    `SELECT ${COLUMNS} FROM successions WHERE space = ? AND predecessor = ? AND ${WHOLE} ORDER BY ${FIRST}`,
    [space, predecessor],
  )
}

/** All that name that one as a successor. */
export function predecessorsOf(sql: Sql, space: number, successor: string): SuccessionRow[] {
  return sql.all<SuccessionRow>(
    `SELECT ${COLUMNS} FROM successions WHERE space = ? AND successor = ? AND ${WHOLE} ORDER BY ${FIRST}`,
    [space, successor],
  )
}

/** The one that is followed. */
export function followedFrom(sql: Sql, space: number, predecessor: string): SuccessionRow | undefined {
  const [first] = successorsOf(sql, space, predecessor)
  return first?.followedAt == null ? undefined : first
}

/** What is followed to that one, the earliest first. */
export function followedTo(sql: Sql, space: number, successor: string): SuccessionRow[] {
  return predecessorsOf(sql, space, successor).filter(
    ({ id, predecessor }) => followedFrom(sql, space, predecessor)?.id === id,
  )
}

export function lineageOf(sql: Sql, space: number, did: string): Lineage {
  const after = successorsOf(sql, space, did)
  const before = predecessorsOf(sql, space, did)
  const [from] = followedTo(sql, space, did)
  return {
    succeeds: from?.predecessor ?? null,
    followedAt: from?.followedAt ?? null,
    succeededBy: followedFrom(sql, space, did)?.successor ?? null,
    refused: !from && before.some(({ predecessor }) => followedFrom(sql, space, predecessor) !== undefined),
    disputed:
      after.length > 1 || before.some(({ predecessor }) => successorsOf(sql, space, predecessor).length > 1),
  }
}
