import { createHash, createHmac, createSecretKey } from 'node:crypto'
import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { type Column, REPLICATED_ENTITIES, type Value } from '../../schema/entities/index.ts'
import { isCount, type SharedCell, sharedCells, sharedColumnsOf } from './reference-shared.ts'

/**
 * What a set of operations comes to, worked out from their bytes: a second implementation of the merge rules and of
 * the state digest on purpose. It shares the tables' definitions with the product and no code.
 */

/** An operation with its place. */
export interface PlacedOperation {
  /** The writer's Ed25519 public key, 32 bytes. */
  readonly device: Uint8Array
  /** 32 bytes. */
  readonly hash: Uint8Array
  readonly log: { readonly space: Uint8Array; readonly incarnation: Uint8Array }
  readonly read: ReadOperation
}

/** An operation's bytes as the reference reads them. */
export interface ReadOperation {
  readonly ms: number
  readonly counter: number
  readonly tag: Uint8Array
  readonly kind: number
  readonly table: number
  readonly key: string | Uint8Array
  readonly columns: ReadonlyMap<number, Value>
  readonly judgement: 'valid' | 'void' | 'unknown'
}

interface Cell {
  readonly write: PlacedOperation
  readonly value: Value
}

export const KIND = {
  INSERT: 1,
  UPDATE: 2,
  DELETE: 3,
  UNDELETE: 4,
  ERASE: 5,
  COUNTER: 6,
  TEXT: 7,
  VOID: 8,
} as const
const TOMBSTONE = 0
const KEY_BYTES = 512
const JSON_LEVELS = 1_000

export function readOperation(body: Uint8Array): ReadOperation {
  const [stamp, kind, table, key, , columns] = decode(body, { useMaps: true }) as [
    Uint8Array,
    number,
    number,
    string | Uint8Array,
    number,
    ReadonlyMap<number, Value>,
  ]
  const view = Buffer.from(stamp)
  const read = {
    ms: view.readUIntBE(0, 6),
    counter: view.readUInt16BE(6),
    tag: stamp.subarray(8, 16),
    kind,
    table,
    key,
    columns,
  }
  return { ...read, judgement: judge(read) }
}

function judge({ kind, table, key, columns }: Omit<ReadOperation, 'judgement'>): ReadOperation['judgement'] {
  const entity = REPLICATED_ENTITIES.find(({ number }) => number === table)
  if (!entity || !Object.values<number>(KIND).includes(kind)) return 'unknown'
  if (typeof key === 'string' && (key === '' || !isText(key) || Buffer.byteLength(key) > KEY_BYTES))
    return 'void'
  if (kind === KIND.TEXT && columns.size !== 1) return 'void'
  const known = Object.values<Column>(entity.columns)
  const told = [...columns].map(([number, value]) => ({
    column: known.find((column) => column.number === number),
    value,
  }))
  if (told.some(({ column }) => column && kind !== kindOf(column) && addsUp(kind, column))) return 'void'
  if (told.some(({ column, value }) => column && !holds(column, value))) return 'void'
  const strange = told.some(
    ({ column, value }) =>
      !column || (value !== null && column.oneOf && !column.oneOf.some((name) => name === value)),
  )
  return strange ? 'unknown' : 'valid'
}

/** The kind that alone writes counters, or texts. */
function kindOf({ type }: Column): number | undefined {
  if (type === 'counter') return KIND.COUNTER
  return type === 'shared_text' ? KIND.TEXT : undefined
}

function addsUp(kind: number, column: Column): boolean {
  return kind === KIND.COUNTER || kind === KIND.TEXT || kindOf(column) !== undefined
}

function holds(column: Column, value: Value): boolean {
  if (column.type === 'counter') return isCount(value)
  if (column.type === 'shared_text') return value instanceof Uint8Array
  return value === null || fits(column, value)
}

function fits({ type }: Column, value: Value): boolean {
  if (type === 'text') return isText(value)
  if (type === 'json') return isText(value) && isJson(value as string)
  if (type === 'blob') return value instanceof Uint8Array
  if (type === 'real') return typeof value === 'number'
  if (typeof value === 'bigint') return value >= -(2n ** 63n) && value < 2n ** 63n
  return typeof value === 'number' && Number.isSafeInteger(value)
}

function isText(value: Value): boolean {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0')
}

function isJson(text: string): boolean {
  try {
    let level = [JSON.parse(text)].filter(isContainer)
    for (let depth = 1; level.length > 0; depth++) {
      if (depth > JSON_LEVELS) return false
      level = level.flatMap((item) => Object.values(item)).filter(isContainer)
    }
    return true
  } catch {
    return false
  }
}

function isContainer(item: unknown): item is object {
  return typeof item === 'object' && item !== null
}

/** HMAC-SHA-256(space secret, CBOR [table, key]): what an ERASE names its row by. */
export function markerOf(spaceSecret: Uint8Array, table: number, key: string): Uint8Array {
  return createHmac('sha256', createSecretKey(spaceSecret))
    .update(canonical([table, key]))
    .digest()
}

/** A row as a set of operations makes it. */
export interface ReferenceRow {
  readonly table: number
  readonly key: string
  readonly cells: ReadonlyMap<number, Cell>
  /** Its counters and texts, by number. */
  readonly shared: readonly SharedCell[]
}

export interface ReferenceState {
  /** In the order of the digest. */
  readonly rows: readonly ReferenceRow[]
  readonly erased: readonly { readonly table: number; readonly marker: Uint8Array }[]
}

/** The rows that a set of operations makes, whatever order it is given in. */
export function stateOf(operations: Iterable<PlacedOperation>, spaceSecret: Uint8Array): ReferenceState {
  const rows = new Map<
    string,
    { table: number; key: string; cells: Map<number, Cell>; shared: SharedCell[] }
  >()
  const adding = new Map<string, PlacedOperation[]>()
  const erased = new Map<string, { table: number; marker: Uint8Array }>()
  for (const write of operations) {
    const { kind, table, key, columns, judgement } = write.read
    if (judgement !== 'valid') continue
    if (typeof key !== 'string') {
      erased.set(`${table} ${hex(key)}`, { table, marker: key })
      continue
    }
    const name = `${table} ${key}`
    if (kind === KIND.COUNTER || kind === KIND.TEXT) {
      adding.set(name, [...(adding.get(name) ?? []), write])
      continue
    }
    const row = rows.get(name) ?? { table, key, cells: new Map<number, Cell>(), shared: [] }
    rows.set(name, row)
    for (const [column, value] of writesOf(kind, columns)) {
      const present = row.cells.get(column)
      if (!present || compareWrites(write, present.write) > 0) row.cells.set(column, { write, value })
    }
  }
  for (const [name, operations] of adding) {
    const { table, key } = operations[0]!.read
    const shared = sharedCells(table, operations)
    // A row of which all is void is none.
    if (shared.length === 0) continue
    const cells = rows.get(name)?.cells ?? new Map<number, Cell>()
    rows.set(name, { table, key: String(key), cells, shared })
  }
  const left = [...rows.values()].filter(
    ({ table, key }) =>
      erased.size === 0 || !erased.has(`${table} ${hex(markerOf(spaceSecret, table, key))}`),
  )
  return {
    rows: left.sort((a, b) => a.table - b.table || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))),
    erased: [...erased.values()].sort((a, b) => a.table - b.table || Buffer.compare(a.marker, b.marker)),
  }
}

function writesOf(kind: number, columns: ReadonlyMap<number, Value>): Iterable<[number, Value]> {
  if (kind === KIND.DELETE) return [[TOMBSTONE, 1]]
  if (kind === KIND.UNDELETE) return [[TOMBSTONE, 0]]
  return columns
}

function compareWrites(a: PlacedOperation, b: PlacedOperation): number {
  return (
    a.read.ms - b.read.ms ||
    a.read.counter - b.read.counter ||
    Buffer.compare(a.read.tag, b.read.tag) ||
    Buffer.compare(a.device, b.device) ||
    Buffer.compare(a.hash.subarray(0, 8), b.hash.subarray(0, 8))
  )
}

/** The state digest in hex, as two devices compare it. */
export function digestOfState({ rows, erased }: ReferenceState): string {
  const digest = createHash('sha256').update('vivim/state/1')
  for (const { number } of REPLICATED_ENTITIES.toSorted((a, b) => a.number - b.number)) {
    for (const row of rows)
      if (row.table === number)
        digest.update(canonical([row.table, row.key, entriesOf(row), ...sharedOf(row)]))
    for (const { table, marker } of erased) if (table === number) digest.update(canonical([table, marker]))
  }
  return digest.digest('hex')
}

function entriesOf({ cells }: ReferenceRow): unknown[] {
  const deleted = cells.get(TOMBSTONE)?.value === 1
  return [...cells]
    .filter(([column]) => !deleted || column === TOMBSTONE)
    .sort(([a], [b]) => a - b)
    .map(([column, { write, value }]) => [
      column,
      stampBytes(write.read),
      write.device,
      write.hash.subarray(0, 8),
      createHash('sha256').update(canonical(value)).digest(),
    ])
}

/** Nothing of a table without counters and texts, and of a deleted row. */
function sharedOf({ table, cells, shared }: ReferenceRow): unknown[] {
  if (sharedColumnsOf(table).length === 0 || cells.get(TOMBSTONE)?.value === 1) return []
  return [shared.map(({ entry }) => entry)]
}

function stampBytes({ ms, counter, tag }: ReadOperation): Uint8Array {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(ms, 0, 6)
  bytes.writeUInt16BE(counter, 6)
  bytes.set(tag, 8)
  return bytes
}

function canonical(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
