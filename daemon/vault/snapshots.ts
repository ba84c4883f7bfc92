import { type FloorPosition, sortedPositions } from '../../crdt/floor.ts'
import { logName } from '../../crdt/frontier.ts'
import { GENESIS_HASH } from '../../crdt/log.ts'
import { TOMBSTONE } from '../../crdt/merge.ts'
import {
  Chunker,
  chunkRoot,
  decodeSnapshot,
  encodeSnapshot,
  itemOfEmptyRow,
  itemOfErased,
  itemsOfRow,
  itemsOfShared,
  type SnapshotColumn,
  type SnapshotHeader,
  snapshotMessage,
  snapshotRoot,
} from '../../crdt/snapshot.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { unpackStamps } from '../../crdt/stamps.ts'
import { REPLICATED_ENTITIES, type ReplicatedEntity } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { OpenVault } from './open-vault.ts'
import { valueByNumber } from './row-store.ts'
import { sharedColumns } from './shared-column-store.ts'
import { insistOnFloor } from './snapshot-backing.ts'
import { snapshotPositions } from './snapshot-lineage.ts'
import { erasedMarkers, type FactRow, factRows, stateDigest } from './state-digest.ts'

/** A snapshot that is here, whole or in part. */
export interface KnownSnapshot {
  readonly root: Uint8Array
  readonly header: SnapshotHeader
  readonly own: boolean
  readonly madeAt: number
  /** Chunks that are here. */
  readonly present: number
}

/** Snapshots of a vault: made here for devices that were away too long, and on their way here. */
export class Snapshots {
  readonly #vault: OpenVault

  constructor(vault: OpenVault) {
    this.#vault = vault
  }

  /** The last one, if it still says how things are; a new one otherwise. One is kept. Answers its encoded header. */
  make(): Uint8Array {
    const vault = this.#vault
    const positions = snapshotPositions(vault)
    const recent = this.list().find(
      ({ own, madeAt, header }) =>
        own && (isSame(header.positions, positions) || madeAt > vault.now() - LIMITS.snapshotMs),
    )
    if (recent) return this.#headerOf(recent.root)!
    return vault.transactDerived((tx) => {
      tx.run('DELETE FROM snapshot_chunks WHERE root IN (SELECT root FROM snapshots WHERE own = 1)')
      tx.run('DELETE FROM snapshots WHERE own = 1')
      // The root is known at the end: until then the chunks stand under a name nothing else has.
      const chunks: Uint8Array[] = []
      for (const chunk of this.#chunks(positions)) {
        if (chunks.length === LIMITS.snapshotChunks)
          throw new VivimError('TooLarge', 'There are more rows than a snapshot takes.')
        tx.run('INSERT INTO snapshot_chunks (root, position, bytes) VALUES (?, ?, ?)', [
          MAKING,
          chunks.length,
          chunk,
        ])
        chunks.push(chunkRoot(chunk))
      }
      const { device } = vault.logs.deviceOf(vault.ownLog)
      const header: SnapshotHeader = {
        space: privateSpaceId(vault.did),
        device,
        positions,
        floor: vault.appliedFloor,
        stateDigest: new Uint8Array(Buffer.from(stateDigest(vault, vault.logs, vault.space), 'hex')),
        chunks,
      }
      const root = snapshotRoot(header)
      const encoded = encodeSnapshot(header, vault.signAsDevice(snapshotMessage(header)))
      tx.run('UPDATE snapshot_chunks SET root = ? WHERE root = ?', [root, MAKING])
      tx.run('INSERT INTO snapshots (root, header, own, made_at) VALUES (?, ?, 1, ?)', [
        root,
        encoded,
        vault.now(),
      ])
      return encoded
    })
  }

  list(): KnownSnapshot[] {
    return this.#vault
      .all<{ root: Uint8Array; header: Uint8Array; own: number; made_at: number; present: number }>(
        `SELECT s.*, (SELECT count(*) FROM snapshot_chunks c WHERE c.root = s.root) AS present
         FROM snapshots s ORDER BY made_at DESC`,
      )
      .map(({ root, header, own, made_at, present }) => ({
        root,
        header: decodeSnapshot(header).header,
        own: own === 1,
        madeAt: made_at,
        present,
      }))
  }

  /** Empty when it is not here any more. */
  readChunk(root: Uint8Array, position: number): Uint8Array {
    const row = this.#vault.get<{ bytes: Uint8Array }>(
      'SELECT bytes FROM snapshot_chunks WHERE root = ? AND position = ?',
      [root, position],
    )
    return row?.bytes ?? new Uint8Array(0)
  }

  /**
   * Takes the header of a snapshot another device offers; answers which chunk is the next one to ask for. What is here
   * of the same one already is kept. @throws VivimError `Corrupt` or `Forbidden` unless a device of the space signed it
   */
  begin(encoded: Uint8Array): { readonly root: Uint8Array; readonly next: number; readonly total: number } {
    const vault = this.#vault
    const { header, signature } = decoded(encoded)
    if (Buffer.compare(header.space, privateSpaceId(vault.did)) !== 0) throw invalid('of another space')
    const root = snapshotRoot(header)
    if (!vault.mayWrite(header.device))
      throw new VivimError('Forbidden', 'A device that is not certified signed that snapshot.')
    if (!vault.verifyAsDevice(header.device, snapshotMessage(header), signature))
      throw invalid('with a bad signature')
    insistOnFloor(vault, header)
    vault.transactDerived((tx) => {
      tx.run(
        'DELETE FROM snapshot_chunks WHERE root IN (SELECT root FROM snapshots WHERE own = 0 AND root <> ?)',
        [root],
      )
      tx.run('DELETE FROM snapshots WHERE own = 0 AND root <> ?', [root])
      tx.run('INSERT OR IGNORE INTO snapshots (root, header, own, made_at) VALUES (?, ?, 0, ?)', [
        root,
        encoded,
        vault.now(),
      ])
    })
    return { root, next: this.#present(root), total: header.chunks.length }
  }

  /** @throws VivimError `Corrupt` for a chunk that is not the one the snapshot names at that place */
  storeChunk(root: Uint8Array, position: number, bytes: Uint8Array): { readonly next: number } {
    const header = this.headerOf(root)
    const expected = header?.chunks[position]
    if (!expected || Buffer.compare(rootOfChunk(bytes), expected) !== 0)
      throw invalid('with a chunk that does not belong to it')
    this.#vault.transactDerived((tx) =>
      tx.run('INSERT OR IGNORE INTO snapshot_chunks (root, position, bytes) VALUES (?, ?, ?)', [
        root,
        position,
        bytes,
      ]),
    )
    return { next: this.#present(root) }
  }

  headerOf(root: Uint8Array): SnapshotHeader | undefined {
    const encoded = this.#headerOf(root)
    return encoded && decodeSnapshot(encoded).header
  }

  #headerOf(root: Uint8Array): Uint8Array | undefined {
    return this.#vault.get<{ header: Uint8Array }>('SELECT header FROM snapshots WHERE root = ?', [root])
      ?.header
  }

  #present(root: Uint8Array): number {
    return this.#vault.get<{ n: number }>('SELECT count(*) AS n FROM snapshot_chunks WHERE root = ?', [root])!
      .n
  }

  *#chunks(positions: readonly FloorPosition[]): Generator<Uint8Array> {
    const { logs, space } = this.#vault
    const places = new Map(positions.map((position, index) => [logName(position), index]))
    const placeOf = new Map(logs.list(space).map((log) => [log.ref, places.get(logName(log)) ?? -1]))
    const chunker = new Chunker()
    for (const item of this.#items(placeOf)) {
      const chunk = chunker.add(item)
      if (chunk) yield chunk
    }
    const rest = chunker.end()
    if (rest) yield rest
  }

  *#items(placeOf: ReadonlyMap<number, number>): Generator<Uint8Array> {
    const vault = this.#vault
    for (const entity of REPLICATED_ENTITIES) {
      for (const row of factRows(vault, vault.space, entity)) {
        const name = { table: entity.number, key: row.id }
        const items = itemsOfRow({ ...name, columns: columnsOf(entity, row, placeOf) })
        items.push(...this.#sharedItems(entity, row.id, placeOf))
        yield* items.length > 0 ? items : [itemOfEmptyRow(name)]
      }
      for (const { marker } of erasedMarkers(vault, vault.space, entity)) {
        const erases = vault.all<{ log: number; seq: number; at: number }>(
          'SELECT log, seq, at FROM erasures WHERE table_no = ? AND marker = ? AND pending = 0',
          [entity.number, marker],
        )
        yield itemOfErased({
          table: entity.number,
          marker,
          erases: erases
            .map(({ log, seq, at }) => [placeOf.get(log) ?? -1, seq, at] as const)
            .filter(([place]) => place >= 0)
            .sort((a, b) => a[0] - b[0] || a[1] - b[1]),
        })
      }
    }
  }

  *#sharedItems(
    entity: ReplicatedEntity,
    key: string,
    placeOf: ReadonlyMap<number, number>,
  ): Generator<Uint8Array> {
    const { rows, space } = this.#vault
    for (const [, { number: column }] of sharedColumns(entity)) {
      const changes = rows.shared.changes(space, entity, key, column).map(({ operation, stamp, seq }) => ({
        value: operation.columns.get(column)!,
        log: placeOf.get(stamp.log)!,
        seq,
        ms: stamp.ms,
        counter: stamp.counter,
        hash: stamp.hash,
      }))
      yield* itemsOfShared({ table: entity.number, key, column, changes })
    }
  }
}

/** Nothing hashes to it. */
const MAKING = GENESIS_HASH

function columnsOf(
  entity: ReplicatedEntity,
  row: FactRow,
  placeOf: ReadonlyMap<number, number>,
): SnapshotColumn[] {
  const valueAt = valueByNumber(entity, row)
  return [...unpackStamps(row.clock)].map(([column, { ms, counter, log, hash }]) => ({
    column,
    value: column === TOMBSTONE ? row.deleted : valueAt(column),
    log: placeOf.get(log)!,
    ms,
    counter,
    hash,
  }))
}

function isSame(a: readonly FloorPosition[], b: readonly FloorPosition[]): boolean {
  const text = (positions: readonly FloorPosition[]) =>
    sortedPositions(positions)
      .map((position) => `${logName(position)}:${position.sequence}:${position.closed}`)
      .join()
  return text(a) === text(b)
}

function decoded(encoded: Uint8Array): ReturnType<typeof decodeSnapshot> {
  try {
    return decodeSnapshot(encoded)
  } catch (cause) {
    throw invalid('that cannot be read', cause)
  }
}

function rootOfChunk(bytes: Uint8Array): Uint8Array {
  try {
    return chunkRoot(bytes)
  } catch (cause) {
    throw invalid('with a chunk that cannot be read', cause)
  }
}

function invalid(what: string, cause?: unknown): VivimError {
  return new VivimError('Corrupt', `A peer sent a snapshot ${what}.`, { cause })
}
