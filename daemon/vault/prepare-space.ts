import { hlcToText } from '../../crdt/hlc.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Sql } from './sql.ts'

/**
 * First opening: meta rows and the private space. Later: checks whose file this is. Answers this database's number
 * of the space. `tag` is the device's in its stamps. @throws VivimError `Corrupt`
 */
export function prepareSpace(sql: Sql, did: string, tag: Uint8Array): number {
  const owner = metaText(sql, 'did')
  if (owner !== undefined && owner !== did)
    throw new VivimError('Corrupt', 'This database belongs to somebody else.')
  const spaceId = privateSpaceId(did)
  if (owner === undefined) {
    sql.run('BEGIN IMMEDIATE')
    sql.run("INSERT INTO meta (name, value) VALUES ('did', ?), ('clock', ?)", [
      did,
      hlcToText({ ms: 0, counter: 0, device: tag }),
    ])
    sql.run("INSERT INTO spaces (id, kind) VALUES (?, 'private')", [spaceId])
    sql.run('COMMIT')
  }
  const space = sql.get<{ ref: number }>('SELECT ref FROM spaces WHERE id = ?', [spaceId])
  if (!space) throw new VivimError('Corrupt', 'The space of this database is not in it.')
  return space.ref
}

export function metaText(sql: Sql, name: string): string | undefined {
  return sql.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', [name])?.value
}
