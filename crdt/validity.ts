import { type Column, ENTITY_BY_NUMBER, type Value } from '../schema/entities/index.ts'
import type { Operation } from './operation.ts'

/**
 * What an operation is to this program. `void`: it breaks its table's rules, is stored and relayed, and changes
 * nothing, on every device alike. `unknown`: of a kind, table, column or name that a newer program has; it waits.
 */
export type Validity = 'valid' | 'void' | 'unknown'

export function validityOf(operation: Operation): Validity {
  const entity = ENTITY_BY_NUMBER.get(operation.table)
  if (!entity || operation.kind === 'UNKNOWN') return 'unknown'
  const columns = columnsOf(entity.columns)
  let validity: Validity = 'valid'
  for (const [number, value] of operation.columns) {
    const column = columns.get(number)
    if (!column) validity = 'unknown'
    else if (!fits(column, value)) return 'void'
    // Later programs may know more names than this one; a row that holds one could not be stored here.
    else if (value !== null && column.oneOf?.includes(value as string | number) === false)
      validity = 'unknown'
  }
  return validity
}

const COLUMNS = new WeakMap<object, ReadonlyMap<number, Column>>()

function columnsOf(columns: Readonly<Record<string, Column>>): ReadonlyMap<number, Column> {
  let byNumber = COLUMNS.get(columns)
  if (!byNumber) {
    byNumber = new Map(Object.values(columns).map((column) => [column.number, column]))
    COLUMNS.set(columns, byNumber)
  }
  return byNumber
}

function fits({ type }: Column, value: Value): boolean {
  if (value === null) return true
  switch (type) {
    case 'text':
      return isStorableText(value)
    case 'json':
      return isStorableText(value) && isJson(value as string)
    case 'integer':
      return Number.isSafeInteger(value) || isInt64(value)
    case 'real':
      return typeof value === 'number'
    case 'blob':
      return value instanceof Uint8Array
  }
}

/** SQLite ends text at a NUL and replaces lone surrogates: the row would not be what its operation says. */
export function isStorableText(value: Value): boolean {
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed()
}

function isInt64(value: Value): boolean {
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
