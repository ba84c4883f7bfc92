import { TOMBSTONE } from '../../crdt/merge.ts'
import { isStorableText } from '../../crdt/validity.ts'
import {
  ENTITY_BY_NAME,
  type ReplicatedEntity,
  type RowValues,
  type Value,
} from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'

export function entityOf(name: string): ReplicatedEntity {
  const entity = ENTITY_BY_NAME.get(name)
  if (!entity) throw new Error(`no replicated entity ${name}`)
  return entity
}

/** By number, checked. @throws VivimError `InvalidParams` */
export function columnsOf(entity: ReplicatedEntity, values: RowValues = {}): Map<number, Value> {
  const columns = new Map<number, Value>()
  for (const [name, value] of Object.entries(values)) {
    const column = entity.columns[name]
    if (!column || column.number === TOMBSTONE) throw new Error(`${entity.name} has no column ${name}`)
    // SQLite ends text at a NUL and replaces lone surrogates: the row would not be what its operation says.
    if (typeof value === 'string' && !isStorableText(value))
      throw new VivimError('InvalidParams', 'Text holds characters that no text may hold.', { field: name })
    columns.set(column.number, value)
  }
  return columns
}
