import type { Value } from '../schema/entities/index.ts'
import { type Cbor, decodeCanonical, encodeCanonical, HEAD_BYTES_MAX, writeHead } from './cbor.ts'
import { sha256 } from './hash.ts'
import { type Hlc, hlcFromBytes, hlcToBytes } from './hlc.ts'
import { readHead } from './operation-head.ts'

/**
 * The seeds' INSERT, UPDATE and DELETE, and what a log needs besides. Numbers are on the wire. COUNTER carries what its log
 * contributes to counters now; TEXT one update of texts. A VOID (`void.ts`) is
 * of its log, not of a row.
 */
export const OPERATION_KINDS = {
  INSERT: 1,
  UPDATE: 2,
  DELETE: 3,
  UNDELETE: 4,
  ERASE: 5,
  COUNTER: 6,
  TEXT: 7,
  VOID: 8,
} as const
export type OperationKind = keyof typeof OPERATION_KINDS

const KIND_BY_NUMBER = new Map<number, OperationKind>(
  Object.entries(OPERATION_KINDS).map(([kind, number]) => [number, kind as OperationKind]),
)

/** One row change. */
export interface Operation {
  readonly hlc: Hlc
  /** `UNKNOWN`: of a newer program; nothing of it but its stamp, table and key can be read. */
  readonly kind: OperationKind | 'UNKNOWN'
  readonly table: number
  /** The row's id; of an ERASE its 32-byte marker, so that the log does not name what was erased. */
  readonly key: string | Uint8Array
  readonly schemaVersion: number
  /** Column number → value; empty for DELETE, UNDELETE and ERASE. */
  readonly columns: ReadonlyMap<number, Value>
}

/** Canonical CBOR: [stamp, kind, table, key, schema version, {column: value}]. */
export function encodeOperation(operation: Operation): Uint8Array {
  if (operation.kind === 'UNKNOWN') throw new TypeError('what cannot be read cannot be written')
  return encodeCanonical([
    hlcToBytes(operation.hlc),
    OPERATION_KINDS[operation.kind],
    operation.table,
    operation.key,
    operation.schemaVersion,
    operation.columns as ReadonlyMap<Cbor, Cbor>,
  ])
}

/** Throws on anything that is not the canonical encoding of an operation. */
export function decodeOperation(bytes: Uint8Array): Operation {
  const parts = decodeCanonical(bytes, true)
  if (!Array.isArray(parts) || parts.length < 6) throw new Error('an operation has six parts')
  const [stamp, kindNumber, table, key, schemaVersion, columns] = parts as Cbor[]
  if (!(stamp instanceof Uint8Array) || !isCount(kindNumber))
    throw new Error('an operation begins with its stamp and kind')
  const kind = KIND_BY_NUMBER.get(kindNumber)
  if (!kind) return newerOperation(hlcFromBytes(stamp), table, key)
  if (parts.length > 6) throw new Error('an operation has six parts')
  if (!isCount(table) || !isCount(schemaVersion)) throw new Error('table and schema version are numbers')
  if (kind === 'ERASE' ? !(key instanceof Uint8Array && key.length === 32) : typeof key !== 'string')
    throw new Error('the key does not fit the kind')
  if (!(columns instanceof Map)) throw new Error('columns are a map')
  for (const [column, value] of columns as Map<unknown, unknown>)
    if (!isCount(column) || column === 0 || column > 255 || !isValue(value)) throw new Error('a bad column')
  return {
    hlc: hlcFromBytes(stamp),
    kind,
    table,
    key: key as string | Uint8Array,
    schemaVersion,
    columns: columns as unknown as Map<number, Value>,
  }
}

/** What a newer program may mean by its further parts is not judged. */
function newerOperation(hlc: Hlc, table: Cbor | undefined, key: Cbor | undefined): Operation {
  return {
    hlc,
    kind: 'UNKNOWN',
    table: isCount(table) ? table : 0,
    key: typeof key === 'string' ? key : '',
    schemaVersion: 0,
    columns: new Map(),
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isValue(value: unknown): value is Value {
  return (
    value === null ||
    typeof value === 'string' ||
    typeof value === 'bigint' ||
    value instanceof Uint8Array ||
    (typeof value === 'number' && Number.isFinite(value))
  )
}

const SALT_BYTES = 16
const SEED_BYTES = 32

/** CBOR of the array header and the first part, then the header of the 32-byte seed. */
const SALT_PREFIX = Buffer.concat([
  Uint8Array.of(0x83),
  encodeCanonical('vivim/salt/1'),
  Uint8Array.of(0x58, SEED_BYTES),
])
/** Filled anew for each salt: no buffer is made but that of the answer. */
const saltInput = Buffer.concat([SALT_PREFIX, Buffer.alloc(SEED_BYTES + HEAD_BYTES_MAX)])

/**
 * The salt of one operation: the first 16 bytes of SHA-256 of CBOR ['vivim/salt/1', segment seed, sequence].
 * A keyed hash of fixed-length input; HMAC gave nothing more and cost a third of a write (measured).
 */
export function saltOf(seed: Uint8Array, sequence: number): Uint8Array {
  saltInput.set(seed, SALT_PREFIX.length)
  const end = writeHead(saltInput, SALT_PREFIX.length + SEED_BYTES, sequence)
  return sha256(saltInput.subarray(0, end), SALT_BYTES)
}

/** Where a salt and the body behind it are put together; long ones get a buffer of their own. */
const committed = Buffer.allocUnsafeSlow(4096)

/** SHA-256(salt ‖ bytes): stands for the body in the chain, and confirms no guess of it without the salt. */
export function commitmentOf(salt: Uint8Array, body: Uint8Array): Uint8Array {
  const length = salt.length + body.length
  if (length > committed.length) return sha256(Buffer.concat([salt, body]))
  committed.set(salt)
  committed.set(body, salt.length)
  return sha256(committed.subarray(0, length))
}

/**
 * Table and key of the row that an encoded operation is about, of whatever kind, from its first bytes alone; undefined
 * for an ERASE, whose key is a marker.
 */
export function rowOfOperation(body: Uint8Array): { table: number; key: string } | undefined {
  const head = readHead(body)
  return typeof head?.key === 'string' ? { table: head.table, key: head.key } : undefined
}

/** Table and marker of an encoded ERASE, from its first bytes alone; undefined for any other. */
export function markerOfErase(body: Uint8Array): { table: number; key: Uint8Array } | undefined {
  const head = readHead(body)
  if (!(head?.key instanceof Uint8Array) || head.kind !== OPERATION_KINDS.ERASE) return undefined
  return { table: head.table, key: head.key }
}
