import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import type { Column, ColumnType } from '../../../schema/entities/entity.ts'
import { OTHER_ENTITIES, REPLICATED_ENTITIES } from '../../../schema/entities/index.ts'
import { REPOSITORY } from '../../support/repository.ts'

const KEY_COLUMNS = ['space', 'id', 'clock', 'deleted']
const SQL_TYPE: Record<ColumnType, string> = {
  text: 'TEXT',
  json: 'TEXT',
  integer: 'INTEGER',
  real: 'REAL',
  blob: 'BLOB',
  counter: 'INTEGER',
  shared_text: 'TEXT',
}

interface SqlColumn {
  name: string
  type: string
  pk: number
}

/** Another SQLite than the product's reads the migrations: what it says the tables are is what counts. */
function tablesOf(extra = ''): Map<string, SqlColumn[]> {
  const db = new DatabaseSync(':memory:')
  const folder = join(REPOSITORY, 'schema/user')
  for (const file of readdirSync(folder).sort()) db.exec(readFileSync(join(folder, file), 'utf8'))
  db.exec(extra)
  const virtual = db.prepare("SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'").all() as {
    name: string
  }[]
  const shadows = new RegExp(`^(?:${virtual.map(({ name }) => name).join('|')})_`)
  const names = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
  const tables = (names as { name: string }[]).filter(({ name }) => !shadows.test(name))
  return new Map(
    tables.map(({ name }) => [
      name,
      db.prepare(`PRAGMA table_info(${name})`).all() as unknown as SqlColumn[],
    ]),
  )
}

function undeclared(tables: ReadonlyMap<string, SqlColumn[]>): string[] {
  const declared = new Set([...REPLICATED_ENTITIES, ...OTHER_ENTITIES].map(({ table }) => table as string))
  return [...tables.keys()].filter((name) => !declared.has(name))
}

function differences(tables: ReadonlyMap<string, SqlColumn[]>): string[] {
  return REPLICATED_ENTITIES.flatMap(({ table, columns }) => {
    const inSql = (tables.get(table) ?? []).map(({ name, type }) => `${name} ${type}`)
    const declared = [
      'space INTEGER',
      'id TEXT',
      'clock BLOB',
      'deleted INTEGER',
      ...Object.entries<Column>(columns).map(([name, { type }]) => `${name} ${SQL_TYPE[type]}`),
    ]
    return [
      ...inSql
        .filter((column) => !declared.includes(column))
        .map((column) => `${table}: only in SQL: ${column}`),
      ...declared
        .filter((column) => !inSql.includes(column))
        .map((column) => `${table}: not in SQL: ${column}`),
    ]
  })
}

describe('the user database', () => {
  const tables = tablesOf()

  it('has no table without a declared class, and no class without a table', () => {
    expect(undeclared(tables)).toEqual([])
    const missing = [...REPLICATED_ENTITIES, ...OTHER_ENTITIES].filter(({ table }) => !tables.has(table))
    expect(missing).toEqual([])
  })

  it('has the replicated columns the entities declare, and no others', () => {
    expect(differences(tables)).toEqual([])
  })

  it('keys every replicated table by (space, id)', () => {
    for (const { table } of REPLICATED_ENTITIES) {
      const key = tables.get(table)!.filter(({ pk }) => pk > 0)
      expect(
        key.sort((a, b) => a.pk - b.pk).map(({ name }) => name),
        table,
      ).toEqual(['space', 'id'])
    }
  })

  it('names no user in any column: the file is the isolation', () => {
    const names = [...tables].flatMap(([table, columns]) => columns.map(({ name }) => `${table}.${name}`))
    expect(names.filter((name) => /user_?id|owner_?(?:id|did)/i.test(name))).toEqual([])
  })

  it('gives every wire number once', () => {
    const numbers = REPLICATED_ENTITIES.map(({ number }) => number)
    expect(new Set(numbers).size).toBe(numbers.length)
    for (const { columns, name } of REPLICATED_ENTITIES) {
      const used = Object.values(columns).map(({ number }) => number as number)
      expect(new Set(used).size, name).toBe(used.length)
      expect(Math.min(...used), name).toBeGreaterThan(0)
      expect(
        Object.keys(columns).filter((column) => KEY_COLUMNS.includes(column)),
        name,
      ).toEqual([])
    }
  })
})

describe('planted violations', () => {
  it('a table nobody declared is seen', () => {
    expect(undeclared(tablesOf('CREATE TABLE stray (id TEXT) STRICT'))).toEqual(['stray'])
  })

  it('a column nobody declared is seen', () => {
    expect(differences(tablesOf('ALTER TABLE messages ADD COLUMN mood TEXT'))).toEqual([
      'messages: only in SQL: mood TEXT',
    ])
  })

  it('a declared column of another type is seen', () => {
    const tables = tablesOf()
    const messages = tables
      .get('messages')!
      .map((column) => (column.name === 'role' ? { ...column, type: 'BLOB' } : column))
    expect(differences(new Map([...tables, ['messages', messages]]))).toEqual([
      'messages: only in SQL: role BLOB',
      'messages: not in SQL: role TEXT',
    ])
  })
})
