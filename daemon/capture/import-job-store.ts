import { LIMITS } from '../../schema/limits.ts'
import type { ImportReport, JOB_STATES } from '../../schema/methods/capture.ts'
import type { Sql } from '../vault/sql.ts'

export type JobState = (typeof JOB_STATES)[number]

/** Where a job reads from; `fingerprint` tells whether it is still the same. */
export type StoredSource = ({ readonly kind: 'path'; readonly path: string } | { readonly kind: 'data' }) & {
  readonly fingerprint: string
  /** Take only files of this provider. */
  readonly only?: string
}

export interface JobRow {
  readonly id: string
  readonly state: JobState
  readonly source_json: string
  readonly data: Uint8Array | null
  readonly provider: string | null
  readonly total: number | null
  readonly position: number
  readonly created: number
  readonly updated: number
  readonly unchanged: number
  readonly failed: number
  readonly messages: number
  readonly again: number
  readonly queued_at: number
  readonly finished_at: number | null
  readonly error_json: string | null
}

/** What one element adds to a job's counters. */
export interface Advance {
  readonly created?: number
  readonly updated?: number
  readonly unchanged?: number
  readonly failed?: number
  readonly messages?: number
}

const COLUMNS = `id, state, source_json, provider, total, position, created, updated, unchanged, failed, messages,
  again, queued_at, finished_at, error_json`

export function insertJob(
  sql: Sql,
  job: {
    readonly id: string
    readonly source: StoredSource
    readonly data: Uint8Array | null
    readonly provider: string
    readonly again: boolean
    readonly queuedAt: number
  },
): void {
  sql.run(
    `INSERT INTO import_jobs (id, state, source_json, data, provider, again, queued_at)
     VALUES (?, 'queued', ?, ?, ?, ?, ?)`,
    [job.id, JSON.stringify(job.source), job.data, job.provider, job.again ? 1 : 0, job.queuedAt],
  )
}

export function findJob(sql: Sql, id: string): JobRow | undefined {
  return sql.get<JobRow>(`SELECT ${COLUMNS}, NULL AS data FROM import_jobs WHERE id = ?`, [id])
}

export function uploadOf(sql: Sql, id: string): Uint8Array | null {
  return sql.get<{ data: Uint8Array | null }>('SELECT data FROM import_jobs WHERE id = ?', [id])?.data ?? null
}

/** Newest first, before the id `before`. */
export function listJobs(
  sql: Sql,
  { state, before, limit }: { state?: JobState | undefined; before?: string | undefined; limit: number },
): JobRow[] {
  return sql.all<JobRow>(
    `SELECT ${COLUMNS}, NULL AS data FROM import_jobs
     WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3`,
    [state ?? null, before ?? null, limit],
  )
}

/** Jobs that were under way or waiting, oldest first. */
export function unfinishedJobs(sql: Sql): string[] {
  return sql
    .all<{ id: string }>(
      "SELECT id FROM import_jobs WHERE state IN ('queued', 'running') ORDER BY queued_at, id",
    )
    .map(({ id }) => id)
}

export function setJobState(sql: Sql, id: string, state: JobState, at: number, error?: object): void {
  const ended = state === 'done' || state === 'failed' || state === 'cancelled'
  sql.run(
    `UPDATE import_jobs SET state = ?1, finished_at = ?2, error_json = ?3,
       started_at = CASE WHEN ?1 = 'running' THEN ifnull(started_at, ?4) ELSE started_at END,
       data = CASE WHEN ?1 IN ('done', 'cancelled') THEN NULL ELSE data END
     WHERE id = ?5`,
    [state, ended ? at : null, error ? JSON.stringify(error) : null, at, id],
  )
}

export function setJobTotal(sql: Sql, id: string, total: number): void {
  sql.run('UPDATE import_jobs SET total = ? WHERE id = ?', [total, id])
}

/** The source is another than before: everything is read anew. */
export function restartJob(sql: Sql, id: string, source: StoredSource): void {
  sql.run(
    `UPDATE import_jobs SET source_json = ?, total = NULL, position = 0, created = 0, updated = 0, unchanged = 0,
       failed = 0, messages = 0 WHERE id = ?`,
    [JSON.stringify(source), id],
  )
  sql.run('DELETE FROM import_report_lines WHERE job_id = ?', [id])
}

/** One element more is acknowledged. */
export function advanceJob(sql: Sql, id: string, by: Advance): void {
  sql.run(
    `UPDATE import_jobs SET position = position + 1, created = created + ?, updated = updated + ?,
       unchanged = unchanged + ?, failed = failed + ?, messages = messages + ? WHERE id = ?`,
    [by.created ?? 0, by.updated ?? 0, by.unchanged ?? 0, by.failed ?? 0, by.messages ?? 0, id],
  )
}

export function countSkipped(sql: Sql, id: string, reason: string): void {
  sql.run(
    `INSERT INTO import_report_lines (job_id, kind, reason, place, count) VALUES (?, 'skipped', ?, '', 1)
     ON CONFLICT (job_id, kind, reason, place) DO UPDATE SET count = count + 1`,
    [id, reason],
  )
}

/** A count that is known at once; said again after a crash, it is the same. */
export function setSkipped(sql: Sql, id: string, reason: string, count: number): void {
  sql.run(
    `INSERT OR REPLACE INTO import_report_lines (job_id, kind, reason, place, count)
     VALUES (?, 'skipped', ?, '', ?)`,
    [id, reason, count],
  )
}

/** Names one failure, while there is room for names; the counts are whole in any case. */
export function addError(sql: Sql, id: string, where: string, code: string, message: string): void {
  sql.run(
    `INSERT OR IGNORE INTO import_report_lines (job_id, kind, reason, place, message)
     SELECT ?1, 'error', ?2, ?3, ?4
     WHERE (SELECT count(*) FROM import_report_lines WHERE job_id = ?1 AND kind = 'error') < ?5`,
    [id, code, where, message, LIMITS.reportErrors],
  )
}

/** The conversations a job touched that still exist. */
export function conversationsOfJob(sql: Sql, id: string): string[] {
  return sql
    .all<{ id: string }>(
      'SELECT DISTINCT conversation_id AS id FROM capture_attempts WHERE job_id = ? AND conversation_id IS NOT NULL',
      [id],
    )
    .map((row) => row.id)
}

/**
 * The report of a job, counted as it stands; units are those of its conversations so far, each conversation's counted
 * by itself: to tell which two of them share would take the memory of them all.
 */
export function reportOf(sql: Sql, job: JobRow): ImportReport {
  const lines = sql.all<{
    kind: string
    reason: string
    place: string
    message: string | null
    count: number
  }>('SELECT kind, reason, place, message, count FROM import_report_lines WHERE job_id = ? ORDER BY rowid', [
    job.id,
  ])
  const failure = job.error_json === null ? [] : [JSON.parse(job.error_json)]
  const units = sql.get<{ units: number | null }>(
    `SELECT sum(units) AS units FROM conversation_unit_counts WHERE conversation_id IN (
       SELECT conversation_id FROM capture_attempts WHERE job_id = ?)`,
    [job.id],
  )
  return {
    jobId: job.id,
    state: job.state,
    provider: job.provider,
    ...(job.total === null ? {} : { total: job.total }),
    conversations: {
      created: job.created,
      updated: job.updated,
      unchanged: job.unchanged,
      failed: job.failed,
    },
    messages: job.messages,
    units: units?.units ?? 0,
    skipped: lines.filter(({ kind }) => kind === 'skipped').map(({ reason, count }) => ({ reason, count })),
    errors: [
      ...failure.map(({ code, message }) => ({ where: '', code, message })),
      ...lines
        .filter(({ kind }) => kind === 'error')
        .map(({ place, reason, message }) => ({ where: place, code: reason, message: message ?? '' })),
    ],
    queuedAt: job.queued_at,
    finishedAt: job.finished_at,
  }
}
