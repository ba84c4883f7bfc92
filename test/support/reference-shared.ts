import { createHash } from 'node:crypto'
import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import * as Y from 'yjs'
import { type Column, REPLICATED_ENTITIES } from '../../schema/entities/index.ts'
import type { PlacedOperation } from './reference-state.ts'

/**
 * Counters and texts as the reference folds them: a second implementation of their rules on purpose, all at once from
 * all operations, and by what Yjs itself says of an update. It shares no code with the product.
 */

/** One counter or text of a row. */
export interface SharedCell {
  readonly column: number
  /** What the state digest says of it. */
  readonly entry: unknown
  readonly value: number | string
}

const COUNT_MAX = 2 ** 42
const UPDATE_BYTES = 60 * 1024
const SESSION_BYTES = 8

export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Math.abs(value as number) <= COUNT_MAX
}

/** The counters and texts of a table, by number. */
export function sharedColumnsOf(table: number): Column[] {
  const entity = REPLICATED_ENTITIES.find(({ number }) => number === table)
  return Object.values<Column>(entity?.columns ?? {})
    .filter(({ type }) => type === 'counter' || type === 'shared_text')
    .sort((a, b) => a.number - b.number)
}

/** What the COUNTER and TEXT operations on one row make of its counters and texts; only what something counts in. */
export function sharedCells(table: number, operations: readonly PlacedOperation[]): SharedCell[] {
  return sharedColumnsOf(table).flatMap(({ number, type }) => {
    const own = operations.filter(({ read }) => read.columns.has(number)).toSorted(byTime)
    const cell = type === 'counter' ? countIn(own, number) : textIn(own, number)
    return cell ? [{ column: number, ...cell }] : []
  })
}

/** The last word of each log, added up. */
function countIn(operations: readonly PlacedOperation[], column: number) {
  if (operations.length === 0) return undefined
  const last = new Map(operations.map((operation) => [hex(operation.log.incarnation), operation]))
  const parts = [...last.values()].map(({ device, log, read }) => [
    device,
    log.incarnation,
    read.columns.get(column) as number,
  ])
  return {
    entry: [column, parts.sort((a, b) => Buffer.compare(canonical(a), canonical(b)))],
    value: parts.reduce((sum, [, , value]) => sum + Number(value), 0),
  }
}

/** All updates of their own writers that go on where the one before them ended. */
function textIn(operations: readonly PlacedOperation[], column: number) {
  const clocks = new Map<number, number>()
  const doc = new Y.Doc()
  const hashes: Buffer[] = []
  for (const { device, log, read } of operations) {
    const value = read.columns.get(column) as Uint8Array
    const written = clientAndUpdate(value, device, log)
    if (!written) continue
    const { client, update } = written
    const stood = clocks.get(client) ?? 0
    const stands = clockAfter(update, client, stood)
    if (stands === undefined) continue
    clocks.set(client, stands)
    hashes.push(createHash('sha256').update(value).digest())
    Y.applyUpdate(doc, update)
  }
  if (hashes.length === 0) return undefined
  return { entry: [column, hashes.sort(Buffer.compare)], value: doc.getText('text').toString() }
}

function clientAndUpdate(
  value: Uint8Array,
  device: Uint8Array,
  { space, incarnation }: PlacedOperation['log'],
) {
  if (value.length > UPDATE_BYTES) return undefined
  try {
    const [session, update] = decode(value) as [Uint8Array, Uint8Array]
    if (session.length !== SESSION_BYTES || !(update instanceof Uint8Array)) return undefined
    const name = createHash('sha256')
      .update(canonical(['vivim/text-client/1', space, device, incarnation, session]))
      .digest()
    // The first 52 bits.
    return { client: Number(name.readBigUInt64BE(0) >> 12n), update }
  } catch {
    return undefined
  }
}

function clockAfter(update: Uint8Array, client: number, stood: number): number | undefined {
  try {
    const { from, to } = Y.parseUpdateMeta(update)
    if ([...from.keys()].some((writer) => writer !== client)) return undefined
    if (from.has(client) && from.get(client) !== stood) return undefined
    const stands = to.get(client) ?? stood
    const { ds } = Y.decodeUpdate(update)
    if (from.size === 0 && ds.clients.size === 0) return undefined
    const deleted = (ds.clients.get(client) ?? []).map(({ clock, len }) => clock + len)
    return Math.max(0, ...deleted) <= stands ? stands : undefined
  } catch {
    return undefined
  }
}

function byTime(a: PlacedOperation, b: PlacedOperation): number {
  return a.read.ms - b.read.ms || a.read.counter - b.read.counter || Buffer.compare(a.hash, b.hash)
}

function canonical(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
