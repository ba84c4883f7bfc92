import type { Watch } from '../../schema/methods/live-capture.ts'
import type { Sql } from '../vault/sql.ts'

export interface WatchRow {
  readonly id: string
  readonly path: string
  readonly provider: string | null
}

export function insertWatch(sql: Sql, watch: WatchRow, at: number): void {
  sql.run('INSERT INTO capture_watches (id, path, provider, created_at) VALUES (?, ?, ?, ?)', [
    watch.id,
    watch.path,
    watch.provider,
    at,
  ])
}

export function deleteWatch(sql: Sql, id: string): void {
  sql.run('DELETE FROM capture_watches WHERE id = ?', [id])
  sql.run('DELETE FROM capture_watch_files WHERE watch_id = ?', [id])
}

export function watchRows(sql: Sql): WatchRow[] {
  return sql.all<WatchRow>('SELECT id, path, provider FROM capture_watches ORDER BY created_at, id')
}

export function watchItems(sql: Sql): Watch[] {
  return sql.all<Watch>(
    `SELECT id AS watchId, path, provider, created_at AS createdAt, looked_at AS lookedAt,
       (SELECT count(*) FROM capture_watch_files f WHERE f.watch_id = w.id) AS files,
       created, updated, error_code AS error
     FROM capture_watches w ORDER BY created_at, id`,
  )
}

/** The files of a folder as they were when they were read. */
export function fileStates(sql: Sql, id: string): Map<string, string> {
  const rows = sql.all<{ name: string; state: string }>(
    'SELECT name, state FROM capture_watch_files WHERE watch_id = ?',
    [id],
  )
  return new Map(rows.map(({ name, state }) => [name, state]))
}

/** A file was read to its end. */
export function noteFile(
  sql: Sql,
  id: string,
  { name, state }: { name: string; state: string },
  { created, updated }: { created: number; updated: number },
): void {
  sql.run('INSERT OR REPLACE INTO capture_watch_files (watch_id, name, state) VALUES (?, ?, ?)', [
    id,
    name,
    state,
  ])
  sql.run('UPDATE capture_watches SET created = created + ?, updated = updated + ? WHERE id = ?', [
    created,
    updated,
    id,
  ])
}

export function forgetFile(sql: Sql, id: string, name: string): void {
  sql.run('DELETE FROM capture_watch_files WHERE watch_id = ? AND name = ?', [id, name])
}

export function noteLook(sql: Sql, id: string, at: number, error: string | null): void {
  sql.run('UPDATE capture_watches SET looked_at = ?, error_code = ? WHERE id = ?', [at, error, id])
}
