import { decodeOperation } from '../../crdt/operation.ts'
import { validityOf } from '../../crdt/validity.ts'
import { ENTITY_BY_NUMBER } from '../../schema/entities/index.ts'
import type { StampedOperation } from './row-store.ts'

/** An operation as it is stored, with its place. */
export interface StoredOperation {
  readonly log: number
  readonly seq: number
  readonly hash: Uint8Array
  readonly body: Uint8Array
}

/** With its row; none for what this program cannot place, and for an ERASE, which has no row. */
export function stampedOf({ log, seq, hash, body }: StoredOperation): StampedOperation[] {
  const operation = decodeOperation(body)
  const entity = ENTITY_BY_NUMBER.get(operation.table)
  if (!entity || operation.kind === 'ERASE' || validityOf(operation) !== 'valid') return []
  const { ms, counter } = operation.hlc
  return [{ entity, operation, stamp: { ms, counter, log, hash: hash.slice(0, 8) }, seq }]
}
