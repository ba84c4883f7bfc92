import { encodeCanonical } from '../../crdt/cbor.ts'
import { deviceTag } from '../../crdt/device.ts'
import { hlcToBytes } from '../../crdt/hlc.ts'
import { GENESIS_HASH, LogChain } from '../../crdt/log.ts'
import { commitmentOf, OPERATION_KINDS, saltOf } from '../../crdt/operation.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { encodeShippedSegment } from '../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { sign } from '../../daemon/identity/ed25519.ts'
import { Conversation, ConversationTag, Device, type Value } from '../../schema/entities/index.ts'
import { markerOf, type PlacedOperation, readOperation } from '../support/reference-state.ts'
import type { SeededRandom } from '../support/seed.ts'
import { BEGIN, type Family, type FamilyDevice } from './vault-family.ts'

/** Operations of several devices as they travel, whoever brings them in whatever order, and lies beside them. */
export interface HandWrittenLogs {
  readonly operations: readonly PlacedOperation[]
  readonly bodies: readonly Uint8Array[]
  /** Well signed, each once. */
  readonly genuine: readonly Uint8Array[]
  /** Each would be refused, whatever came before. */
  readonly forged: readonly Uint8Array[]
}

const HOUR = 3_600_000
const KEYS = ['a', 'b', 'ä']
const ENTITIES = [Conversation, ConversationTag, Device]
/** More erasures of one device at once would wait for a person. */
const ERASES_MAX = 3
const OF_A_NEWER_PROGRAM = 77

/** Logs of a family's devices by chance: with what is void, what a newer program knows, and stamps ahead of time. */
export function handWrittenLogs(
  family: Family,
  writers: readonly FamilyDevice[],
  random: SeededRandom,
): HandWrittenLogs {
  const logs = writers.map((writer) => writtenBy(family, writer, random))
  const genuine = logs.flatMap(({ segments }) => segments)
  const forged = genuine.flatMap((segment) => (random.next() < 0.3 ? [lieFrom(segment, random)] : []))
  return {
    operations: logs.flatMap(({ operations }) => operations),
    bodies: logs.flatMap(({ bodies }) => bodies),
    genuine,
    forged,
  }
}

function writtenBy({ did, spaceSecret }: Family, { device, key }: FamilyDevice, random: SeededRandom) {
  const id = { space: privateSpaceId(did), device, incarnation: random.bytes(8) }
  const chain = new LogChain(id)
  const segments: Uint8Array[] = []
  const operations: PlacedOperation[] = []
  const all: Uint8Array[] = []
  let head: Uint8Array = GENESIS_HASH
  let ms = BEGIN + random.integer(50)
  let erases = 0
  const count = 2 + random.integer(4)
  for (let number = 0; number < count; number++) {
    const first = all.length + 1
    const seed = random.bytes(32)
    const previousHash = head
    // Stamps grow within a log, so what is ahead of time comes last.
    if (number === count - 1 && random.next() < 0.3) ms += HOUR
    const bodies = Array.from({ length: 1 + random.integer(3) }, () => {
      ms += 1 + random.integer(40)
      const erase = erases < ERASES_MAX && random.next() < 0.06
      if (erase) erases++
      return bodyOf(
        random,
        hlcToBytes({ ms, counter: 0, device: deviceTag(device) }),
        erase ? spaceSecret : undefined,
      )
    })
    for (const [index, body] of bodies.entries()) {
      head = chain.hash(first + index, head, commitmentOf(saltOf(seed, first + index), body))
      operations.push({ device, hash: head, log: id, read: readOperation(body) })
      all.push(body)
    }
    const header = {
      ...id,
      first,
      count: bodies.length,
      previousHash,
      membershipHead: GENESIS_HASH,
      headHash: head,
    }
    const signature = sign(key, segmentMessage(header))
    segments.push(
      encodeShippedSegment({
        ...header,
        signature,
        seed,
        from: first,
        operations: bodies.map((body) => ({ body })),
      }),
    )
  }
  return { segments, operations, bodies: all }
}

function bodyOf(random: SeededRandom, stamp: Uint8Array, spaceSecret: Uint8Array | undefined): Uint8Array {
  const entity = random.pick(ENTITIES)
  const key = random.pick(KEYS)
  const body = (kind: number, row: string | Uint8Array, columns: ReadonlyMap<number, Value> = new Map()) =>
    encodeCanonical([stamp, kind, entity.number, row, 1, columns])
  if (spaceSecret) return body(OPERATION_KINDS.ERASE, markerOf(spaceSecret, entity.number, key))
  const chance = random.next()
  const column = random.pick(Object.values(entity.columns).filter(({ type }) => type === 'text'))
  const value = 'oneOf' in column ? random.pick(['ACTIVE', 'ARCHIVED']) : `text ${random.integer(5)}`
  if (chance < 0.1) return body(OPERATION_KINDS.DELETE, key)
  if (chance < 0.15) return body(OPERATION_KINDS.UNDELETE, key)
  if (chance < 0.2) return body(OPERATION_KINDS.INSERT, key)
  if (chance < 0.26) return body(OPERATION_KINDS.UPDATE, key, new Map([[column.number, 7]]))
  if (chance < 0.3) return body(OPERATION_KINDS.INSERT, '', new Map([[column.number, value]]))
  if (chance < 0.34) return body(OPERATION_KINDS.UPDATE, key, new Map([[200, value]]))
  if (chance < 0.37) return body(OF_A_NEWER_PROGRAM, key)
  return body(OPERATION_KINDS.UPDATE, key, new Map([[column.number, value]]))
}

/** The same with one bit changed, cut short, or in another form that means the same. */
function lieFrom(segment: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = Uint8Array.from(segment)
  const chance = random.next()
  if (chance < 0.2) return bytes.slice(0, random.integer(bytes.length))
  // The array of 13 parts with its length in a byte of its own.
  if (chance < 0.4) return Uint8Array.of(0x98, 13, ...bytes.slice(1))
  bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8)
  return bytes
}
