import type { Value } from '../schema/entities/index.ts'
import { LIMITS } from '../schema/limits.ts'
import { type Cbor, decodeCanonical, encodeCanonical } from './cbor.ts'
import { hashOf } from './hash.ts'
import { readSnapshotPositions, type SnapshotPosition, snapshotPositionFields } from './snapshot-position.ts'
import { bytesOf, fieldsOf, integerOf, listOf } from './sync-fields.ts'

/** A column of a row in a snapshot: its value, and the stamp of the operation it comes from. */
export interface SnapshotColumn {
  /** 0: the tombstone. */
  readonly column: number
  readonly value: Value
  /** Which of the snapshot's positions is its log. */
  readonly log: number
  readonly ms: number
  readonly counter: number
  /** First 8 bytes of the operation's hash. */
  readonly hash: Uint8Array
}

/** Some columns of a row; a large row takes several items, one after the other. */
export interface SnapshotRow {
  readonly table: number
  readonly key: string
  readonly columns: readonly SnapshotColumn[]
}

/** An erased row, and the ERASEs that name it: [position's index, sequence, milliseconds] in order. */
export interface SnapshotErased {
  readonly table: number
  readonly marker: Uint8Array
  readonly erases: readonly (readonly [number, number, number])[]
}

/** A change that counts of one counter or text of a row. */
interface SharedPart {
  readonly value: Value
  /** Which of the snapshot's positions is its log, and its place in it. */
  readonly log: number
  readonly seq: number
  readonly ms: number
  readonly counter: number
  /** First 8 bytes of the operation's hash. */
  readonly hash: Uint8Array
}

/** Some changes of one counter or text; they come after the columns of their row. */
export interface SnapshotShared {
  readonly table: number
  readonly key: string
  readonly column: number
  readonly changes: readonly SharedPart[]
}

export type SnapshotItem = SnapshotRow | SnapshotErased | SnapshotShared

/** What a snapshot is, signed by one device of the space. */
export interface SnapshotHeader {
  readonly space: Uint8Array
  /** The device that signs, Ed25519. */
  readonly device: Uint8Array
  /** Up to where it takes in each log: all before is in it. */
  readonly positions: readonly SnapshotPosition[]
  /** Key of the floor that was applied to it; '' before the first. */
  readonly floor: string
  /** SHA-256 over the state digest's entries. */
  readonly stateDigest: Uint8Array
  /** Merkle root of each chunk's items. */
  readonly chunks: readonly Uint8Array[]
}

/** Bytes of one item before its row's next columns begin another: one column may have as many by itself. */
const ITEM_BYTES = 64 * 1024
/** Bytes after which a chunk ends; with one item more it still fits a frame. */
const CHUNK_BYTES = 160 * 1024

/** Items of a row, as many as its size takes; columns ascending. */
export function itemsOfRow({ table, key, columns }: SnapshotRow): Uint8Array[] {
  const items: Uint8Array[] = []
  let fields: Cbor[] = []
  let bytes = 0
  const end = () => {
    items.push(encodeCanonical([table, key, fields]))
    fields = []
    bytes = 0
  }
  for (const { column, value, log, ms, counter, hash } of [...columns].sort((a, b) => a.column - b.column)) {
    const size = sizeOf(value)
    if (fields.length > 0 && bytes + size > ITEM_BYTES) end()
    fields.push([column, value, log, ms, counter, hash])
    bytes += size + 64
  }
  if (fields.length > 0) end()
  return items
}

/** A row without values, counters and texts: that it is there is all there is to say of it. */
export function itemOfEmptyRow({ table, key }: Pick<SnapshotRow, 'table' | 'key'>): Uint8Array {
  return encodeCanonical([table, key, []])
}

/** Items of a counter or a text, as many as its size takes; changes in the order of positions and sequences. */
export function itemsOfShared({ table, key, column, changes }: SnapshotShared): Uint8Array[] {
  const items: Uint8Array[] = []
  let fields: Cbor[] = []
  let bytes = 0
  const end = () => {
    items.push(encodeCanonical([table, key, column, fields]))
    fields = []
    bytes = 0
  }
  for (const { value, log, seq, ms, counter, hash } of [...changes].sort(
    (a, b) => a.log - b.log || a.seq - b.seq,
  )) {
    const size = sizeOf(value)
    if (fields.length > 0 && bytes + size > ITEM_BYTES) end()
    fields.push([value, log, seq, ms, counter, hash])
    bytes += size + 64
  }
  if (fields.length > 0) end()
  return items
}

export function itemOfErased({ table, marker, erases }: SnapshotErased): Uint8Array {
  return encodeCanonical([table, marker, erases.map((place) => [...place])])
}

/** @throws on anything that is no item */
export function decodeItem(bytes: Uint8Array): SnapshotItem {
  const fields = decodeCanonical(bytes)
  if (Array.isArray(fields) && fields.length === 4) return readShared(fields)
  const [tableField, key, list] = fieldsOf(fields, 3)
  const table = integerOf(tableField, 1)
  if (key instanceof Uint8Array)
    return {
      table,
      marker: bytesOf(key, 32),
      erases: listOf(list, 0, LIMITS.spaceLogs).map((place) => {
        const [log, sequence, ms] = fieldsOf(place, 3)
        return [integerOf(log, 0), integerOf(sequence, 1), integerOf(ms, 0)] as const
      }),
    }
  if (typeof key !== 'string' || key === '') throw new Error('an item without a key')
  return { table, key, columns: listOf(list, 0, 256).map(readColumn) }
}

/** Collects items into chunks: the same items in the same order give the same chunks. */
export class Chunker {
  #items: Uint8Array[] = []
  #bytes = 0

  /** Answers a chunk when one is full. */
  add(item: Uint8Array): Uint8Array | undefined {
    this.#items.push(item)
    this.#bytes += item.length
    return this.#bytes >= CHUNK_BYTES ? this.end() : undefined
  }

  /** What is left; undefined when nothing is. */
  end(): Uint8Array | undefined {
    if (this.#items.length === 0) return undefined
    const chunk = encodeCanonical(this.#items)
    this.#items = []
    this.#bytes = 0
    return chunk
  }
}

/** @throws on anything that is no chunk */
export function itemsOfChunk(chunk: Uint8Array): Uint8Array[] {
  if (chunk.length > LIMITS.syncFrameBytes) throw new Error('a chunk is too large')
  return listOf(decodeCanonical(chunk), 1, LIMITS.syncFrameBytes).map((item) =>
    bytesOf(item, 1, LIMITS.syncFrameBytes),
  )
}

/** Merkle root of a chunk's items. @throws on anything that is no chunk */
export function chunkRoot(chunk: Uint8Array): Uint8Array {
  return merkleRoot(itemsOfChunk(chunk).map((item) => hashOf(['vivim/snapshot-item/1', item])))
}

/** Of an empty list: 32 zero bytes. A node without a neighbour goes up as it is. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = [level[index]!, level[index + 1]]
      above.push(right ? hashOf(['vivim/snapshot-node/1', left, right]) : left)
    }
    level = above
  }
  return level[0] ?? new Uint8Array(32)
}

/** What names a snapshot: equal on two devices that make one of the same operations, whoever signs it. */
export function snapshotRoot({
  space,
  positions,
  floor,
  stateDigest,
  chunks,
}: Omit<SnapshotHeader, 'device'>): Uint8Array {
  return hashOf([
    'vivim/snapshot/1',
    space,
    snapshotPositionFields(positions),
    floor,
    stateDigest,
    merkleRoot(chunks),
  ])
}

/** The bytes a device signs. */
export function snapshotMessage(header: SnapshotHeader): Uint8Array {
  return encodeCanonical(['vivim/snapshot-signature/1', header.device, snapshotRoot(header)])
}

/** Canonical CBOR of header and signature. */
export function encodeSnapshot(header: SnapshotHeader, signature: Uint8Array): Uint8Array {
  return encodeCanonical([
    header.space,
    header.device,
    snapshotPositionFields(header.positions),
    header.floor,
    header.stateDigest,
    [...header.chunks],
    signature,
  ])
}

/** @throws on anything else. The signature is not checked here. */
export function decodeSnapshot(bytes: Uint8Array): { header: SnapshotHeader; signature: Uint8Array } {
  if (bytes.length > LIMITS.syncFrameBytes) throw new Error('a snapshot names too much')
  const [space, device, positions, floor, stateDigest, chunks, signature] = fieldsOf(
    decodeCanonical(bytes),
    7,
  )
  if (typeof floor !== 'string' || floor.length > LIMITS.keyBytes) throw new Error('a bad floor')
  return {
    header: {
      space: bytesOf(space, 32),
      device: bytesOf(device, 32),
      positions: readSnapshotPositions(positions, LIMITS.spaceLogs),
      floor,
      stateDigest: bytesOf(stateDigest, 32),
      chunks: listOf(chunks, 0, LIMITS.snapshotChunks).map((chunk) => bytesOf(chunk, 32)),
    },
    signature: bytesOf(signature, 64),
  }
}

function readShared([table, key, column, list]: readonly Cbor[]): SnapshotShared {
  if (typeof key !== 'string' || key === '') throw new Error('an item without a key')
  return {
    table: integerOf(table, 1),
    key,
    column: integerOf(column, 1, 255),
    changes: listOf(list, 1, LIMITS.syncFrameBytes).map((item) => {
      const [value, log, seq, ms, counter, hash] = fieldsOf(item, 6)
      if (!(value instanceof Uint8Array) && typeof value !== 'number')
        throw new Error('no change of a counter or a text')
      return {
        value,
        log: integerOf(log, 0),
        seq: integerOf(seq, 1),
        ms: integerOf(ms, 0, 2 ** 48 - 1),
        counter: integerOf(counter, 0, 0xffff),
        hash: bytesOf(hash, 8),
      }
    }),
  }
}

function readColumn(item: Cbor): SnapshotColumn {
  const [column, value, log, ms, counter, hash] = fieldsOf(item, 6)
  if (value === undefined || Array.isArray(value) || value instanceof Map || typeof value === 'boolean')
    throw new Error('no value of a column')
  return {
    column: integerOf(column, 0, 255),
    value: value as Value,
    log: integerOf(log, 0),
    ms: integerOf(ms, 0, 2 ** 48 - 1),
    counter: integerOf(counter, 0, 0xffff),
    hash: bytesOf(hash, 8),
  }
}

function sizeOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value instanceof Uint8Array ? value.length : 9
}
