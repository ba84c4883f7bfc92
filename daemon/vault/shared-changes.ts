import { isContribution } from '../../crdt/counter.ts'
import { encodeTextChange, type TextEdit, textClient } from '../../crdt/text.ts'
import type { ReplicatedEntity, Value } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import { columnsOf } from './fact-columns.ts'
import type { SharedColumnStore } from './shared-column-store.ts'
import type { AddingChange, FactChange } from './vault.ts'

/** A change of counters or texts as its writer means it, with where it is to be written. */
interface SharedWrite {
  readonly shared: SharedColumnStore
  readonly space: number
  /** The log this device writes, and its editing session. */
  readonly log: number
  readonly session: Uint8Array
  readonly entity: ReplicatedEntity
  readonly key: string
}

/** The columns of each operation that says the change. @throws VivimError `InvalidParams` */
export function writtenColumns(
  change: FactChange | AddingChange,
  place: SharedWrite,
): readonly ReadonlyMap<number, Value>[] {
  if (change.kind === 'TEXT') return editedColumns(place, change.edits)
  if (change.kind === 'COUNTER') return [countedColumns(place, change.amounts)]
  return [columnsOf(place.entity, change.values)]
}

/** What COUNTER says when this device adds so much: what its log contributes from then on. */
function countedColumns(
  { shared, space, log, entity, key }: SharedWrite,
  amounts: Readonly<Record<string, number>>,
): ReadonlyMap<number, Value> {
  const columns = new Map<number, Value>()
  for (const [name, amount] of Object.entries(amounts)) {
    const number = columnNumber(entity, name, 'counter')
    const value = shared.contribution(space, entity, key, number, log) + amount
    if (!isContribution(value))
      throw new VivimError('InvalidParams', 'A counter cannot hold that.', { field: name })
    columns.set(number, value)
  }
  return columns
}

/**
 * The columns of the TEXT operations that say these edits, each small enough for one; several edits become one update
 * as far as they fit. @throws VivimError `InvalidParams` for an edit beyond the text
 */
function editedColumns(
  { shared, space, log, session, entity, key }: SharedWrite,
  edits: Readonly<Record<string, readonly TextEdit[]>>,
): ReadonlyMap<number, Value>[] {
  const client = textClient(shared.logOf(log), session)
  return Object.entries(edits).flatMap(([name, ofColumn]) => {
    const number = columnNumber(entity, name, 'shared_text')
    try {
      const updates = shared.text(space, entity, key, number).edit(client, ofColumn)
      return updates.map((update) => new Map([[number, encodeTextChange(session, update)]]))
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      throw new VivimError('InvalidParams', 'The text has no such place.', { field: 'edits', cause })
    }
  })
}

function columnNumber(entity: ReplicatedEntity, name: string, type: 'counter' | 'shared_text'): number {
  const column = entity.columns[name]
  if (column?.type !== type) throw new Error(`${entity.name} has no ${type} ${name}`)
  return column.number
}
