import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { VivimError } from '../../schema/errors.ts'
import type { Database } from './database.ts'

const FOLDER = new URL('../../schema/user/', import.meta.url)

interface Migration {
  readonly version: number
  readonly sql: string
}

/** The numbered SQL files, in order. */
export function userMigrations(): Migration[] {
  return readdirSync(FOLDER)
    .filter((name) => /^\d{3}-[a-z0-9-]+\.sql$/.test(name))
    .sort()
    .map((name) => ({ version: Number(name.slice(0, 3)), sql: readFileSync(new URL(name, FOLDER), 'utf8') }))
}

/** The schema number this program writes. */
export function latestSchemaVersion(): number {
  return userMigrations().at(-1)?.version ?? 0
}

/**
 * Brings a vault to this program's schema, each file in its own transaction, so a crash resumes at the next start.
 * A vault with data is copied to `<path>.before-<version>` first. A newer schema is refused.
 */
export function migrate(
  database: Database,
  path: string,
  migrations: readonly Migration[] = userMigrations(),
): void {
  const present = Number(Object.values(database.get('PRAGMA user_version') ?? {})[0] ?? 0)
  const latest = migrations.at(-1)?.version ?? 0
  if (present > latest)
    throw new VivimError(
      'Conflict',
      `This database has schema ${present}; this program knows schema ${latest}.`,
      { hint: 'Install the newer version of vivimd.' },
    )
  if (present === latest) return
  if (present > 0) {
    database.checkpoint()
    const copy = `${path}.before-${String(latest).padStart(3, '0')}`
    if (!existsSync(copy)) {
      copyFileSync(path, `${copy}.tmp`)
      renameSync(`${copy}.tmp`, copy)
    }
  }
  for (const { version, sql } of migrations) {
    if (version <= present) continue
    database.script(`BEGIN IMMEDIATE;\n${sql}\nPRAGMA user_version = ${version};\nCOMMIT;`)
  }
}

/** Removes the copies made before migrations that are older than `keepMs`; 0 removes all. */
export function removeCopies(path: string, keepMs: number, now: number): void {
  const folder = dirname(path)
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(path)}.before-`)) continue
    const copy = join(folder, name)
    if (keepMs === 0 || statSync(copy).mtimeMs < now - keepMs) rmSync(copy, { force: true })
  }
}
