import { type Column, ENTITY_BY_NUMBER, type Value } from '../schema/entities/index.ts'
import { LIMITS } from '../schema/limits.ts'
import { isContribution } from './counter.ts'
import type { Operation } from './operation.ts'

/**
 * What an operation is to this program. `void`: it breaks its table's rules, is stored and relayed, and changes
 * nothing, on every device alike. `unknown`: of a kind, table, column or name that a newer program has; it waits.
 */
export type Validity = 'valid' | 'void' | 'unknown'

export function validityOf(operation: Operation): Validity {
  // What it says is of its log, not of a row.
  if (operation.kind === 'VOID') return 'void'
  const entity = ENTITY_BY_NUMBER.get(operation.table)
  if (!entity || operation.kind === 'UNKNOWN') return 'unknown'
  if (typeof operation.key === 'string' && !isStorableKey(operation.key)) return 'void'
  // Each update waits or counts for itself: one that names a text this program lacks must not hold back another.
  if (operation.kind === 'TEXT' && operation.columns.size !== 1) return 'void'
  const columns = columnsOf(entity.columns)
  let validity: Validity = 'valid'
  for (const [number, value] of operation.columns) {
    const column = columns.get(number)
    if (!column) validity = 'unknown'
    else if (!isWrittenBy(operation.kind, column) || !fits(column, value)) return 'void'
    // Later programs may know more names than this one; a row that holds one could not be stored here.
    else if (value !== null && column.oneOf?.includes(value as string | number) === false)
      validity = 'unknown'
  }
  return validity
}

/** Counters are written by COUNTER alone, texts by TEXT alone, and neither writes anything else. */
function isWrittenBy(kind: Operation['kind'], { type }: Column): boolean {
  if (type === 'counter') return kind === 'COUNTER'
  if (type === 'shared_text') return kind === 'TEXT'
  return kind !== 'COUNTER' && kind !== 'TEXT'
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
  if (value === null) return type !== 'counter' && type !== 'shared_text'
  switch (type) {
    case 'text':
      return isStorableText(value)
    case 'json':
      return isStorableText(value) && isJson(value as string)
    case 'integer':
      return Number.isSafeInteger(value) || isInt64(value)
    case 'real':
      return typeof value === 'number'
    // What stands in the bytes is judged with the log they come from.
    case 'shared_text':
    case 'blob':
      return value instanceof Uint8Array
    case 'counter':
      return isContribution(value)
  }
}

/** SQLite ends text at a NUL and replaces lone surrogates: the row would not be what its operation says. */
export function isStorableText(value: Value): boolean {
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed()
}

/** A key names a row in SQLite: what it would cut or mistake for another names none. */
export function isStorableKey(key: string): boolean {
  return key !== '' && Buffer.byteLength(key) <= LIMITS.keyBytes && isStorableText(key)
}

function isInt64(value: Value): boolean {
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
  } catch {
    return false
  }
  return depthOf(text) <= LIMITS.jsonDepth
}

/** How deep the arrays and objects of well-formed JSON nest; 0 where too few begin for it to matter. */
function depthOf(text: string): number {
  if (openings(text) <= LIMITS.jsonDepth) return 0
  let depth = 0
  let deepest = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth)
    else if (token === ']' || token === '}') depth--
  }
  return deepest
}

/** How many brackets and braces open, those in strings too. Long messages have few: most of them need no more. */
function openings(text: string): number {
  if (text.length <= LIMITS.jsonDepth) return 0
  let count = 0
  for (const bracket of '[{')
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) count++
  return count
}
