import type { Operation } from '../../crdt/operation.ts'
import { validityOf } from '../../crdt/validity.ts'
import type { ReplicatedEntity, Value } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import type { ErasedMarkers } from './erasure.ts'
import { entityOf } from './fact-columns.ts'
import type { OperationLog } from './operation-log.ts'
import type { RowStore, StampedOperation } from './row-store.ts'
import { writtenColumns } from './shared-changes.ts'
import type { AddingChange, FactChange } from './vault.ts'

export interface OperationParts {
  readonly kind: Operation['kind']
  readonly entity: ReplicatedEntity
  readonly key: string | Uint8Array
  readonly columns: ReadonlyMap<number, Value>
}

interface FactWriterOptions {
  readonly space: number
  /** The log this device writes now. */
  readonly log: OperationLog
  /** Who edits texts here. */
  readonly session: Uint8Array
  readonly rows: RowStore
  readonly erased: ErasedMarkers
  /** An operation stamped now. */
  readonly operation: (parts: OperationParts) => Operation
}

/** Makes operations of changes, chains and merges them, inside a transaction. @throws VivimError `Conflict`, `InvalidParams` */
export function writeFacts(
  changes: readonly (FactChange | AddingChange)[],
  { space, log, session, rows, erased, operation: stamped }: FactWriterOptions,
): void {
  const waiting: StampedOperation[] = []
  const merge = () => {
    log.flush()
    rows.merge(space, waiting.splice(0))
  }
  for (const change of changes) {
    const { kind, key } = change
    const entity = entityOf(change.entity)
    if (erased.has({ entity, key }))
      throw new VivimError('Conflict', 'That was erased for good.', {
        hint: 'Capture it again with `again: true`.',
      })
    // What adds up is said from what is there.
    if (kind === 'COUNTER' || kind === 'TEXT') merge()
    const place = { shared: rows.shared, space, log: log.ref, session, entity, key }
    for (const columns of writtenColumns(change, place)) {
      const operation = stamped({ kind, entity, key, columns })
      // What other devices would take for void is not written here either: rows would differ.
      if (validityOf(operation) !== 'valid')
        throw new VivimError('InvalidParams', `A ${entity.name} cannot hold that.`)
      const hash = log.append(operation)
      const { ms, counter } = operation.hlc
      const stamp = { ms, counter, log: log.ref, hash: hash.slice(0, 8) }
      waiting.push({ entity, operation, stamp, seq: log.sequence })
    }
  }
  merge()
}
