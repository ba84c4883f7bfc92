import { LIMITS } from '../schema/limits.ts'
import { type Cbor, encodeCanonical } from './cbor.ts'
import type { LogFloor } from './floor.ts'
import { type LogHead, type LogNode, type LogPosition, logName } from './frontier.ts'
import {
  AUDIT_NUMBER,
  type AuditFrame,
  auditFields,
  isAuditNumber,
  readAuditFrame,
} from './sync-audit-frames.ts'
import { booleanOf, bytesOf, fieldsOf, integerOf, listOf, readFrameArray } from './sync-fields.ts'
import {
  isSnapshotFrame,
  readSnapshotFrame,
  SNAPSHOT_NUMBER,
  type SnapshotFrame,
  snapshotFields,
} from './sync-snapshot-frames.ts'

/** A run of a log's operations: from `sequence` to `upTo`, both of them included. */
export interface WantedRun extends LogPosition {
  readonly upTo: number
}

/**
 * What two devices say to each other in one space once each knows that the other holds its key (`/vivim/sync/1`).
 * On the wire every frame is a canonical CBOR array that begins with its number.
 */
export type Frame =
  /** What I hold, in short. Opens a round, and closes one when both say the same. */
  | {
      readonly type: 'state'
      /** `frontierDigest`; its first 16 bytes are sent. */
      readonly frontier: Uint8Array
      /** First 8 bytes of SHA-256 over the sorted member documents. */
      readonly members: Uint8Array
      /** Tell me yours, even if I should know it. */
      readonly ask: boolean
    }
  /** Certificates and records of the devices I know; sent when the digests of members differ. `more` of them follow. */
  | { readonly type: 'members'; readonly documents: readonly Uint8Array[]; readonly more: boolean }
  /**
   * The head of every log I hold, with the first 16 bytes of its hash, and where my logs do not tell everything any more;
   * sent when the frontiers' digests differ. Without floors they are left out on the wire.
   */
  | { readonly type: 'have'; readonly heads: readonly LogHead[]; readonly floors?: readonly LogFloor[] }
  /** Send me these operations; `credit` is how many bytes of segments may be on the way without an ACK. */
  | { readonly type: 'want'; readonly runs: readonly WantedRun[]; readonly credit: number }
  /** What is coming, for progress. */
  | { readonly type: 'totals'; readonly operations: number }
  /** An encoded `ShippedSegment`. */
  | { readonly type: 'segment'; readonly bytes: Uint8Array }
  /** The next segments that were sent, of `credit` bytes together, are stored durably; as many more may be sent. */
  | { readonly type: 'ack'; readonly credit: number }
  /** Blobs whose hashes my rows name and I do not hold. */
  | { readonly type: 'want-blobs'; readonly hashes: readonly Uint8Array[] }
  /** A piece of a blob: `total` is its whole size in bytes; an absent blob is answered with total 0. */
  | {
      readonly type: 'blob'
      readonly hash: Uint8Array
      readonly offset: number
      readonly total: number
      readonly bytes: Uint8Array
    }
  /**
   * A log that was written apart. With `ends`: where my signed segments of it end; what follows the last one that you
   * have too? With `segments`: that, or the signed segments that prove a fork.
   */
  | {
      readonly type: 'fork'
      readonly device: Uint8Array
      readonly incarnation: Uint8Array
      readonly ends: readonly LogNode[]
      readonly segments: readonly Uint8Array[]
    }
  /** The other side broke the rules, or cannot go on: the stream ends after this. */
  | { readonly type: 'bye'; readonly reason: ByeReason }
  | AuditFrame
  | SnapshotFrame

/** Why a session ends. `not-a-device`: whoever has the key is not certified; `refused`: a segment did not verify. */
export type ByeReason = 'not-a-device' | 'refused' | 'protocol' | 'busy' | 'closing'

const NUMBER = {
  state: 1,
  members: 2,
  have: 3,
  want: 4,
  totals: 5,
  segment: 6,
  ack: 7,
  'want-blobs': 8,
  blob: 9,
  bye: 10,
  ...AUDIT_NUMBER,
  ...SNAPSHOT_NUMBER,
  fork: 11,
} as const satisfies Record<Frame['type'], number>

/** Numbers on the wire; added to, never renumbered. */
const BYE_NUMBER = {
  'not-a-device': 1,
  refused: 2,
  protocol: 3,
  busy: 4,
  closing: 5,
} as const satisfies Record<ByeReason, number>

const BYE_REASONS = Object.keys(BYE_NUMBER) as ByeReason[]

/**
 * Bytes of a digest or hash on this stream, where it says "the same" and proves nothing: nobody finds another set of
 * operations for it, and whatever then comes is checked from signatures and whole hashes.
 */
const SHORT_HASH_BYTES = 16

/** @throws RangeError if the frame would be larger than `LIMITS.syncFrameBytes` */
export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = encodeCanonical([NUMBER[frame.type], ...fieldsOfFrame(frame)])
  if (bytes.length > LIMITS.syncFrameBytes) throw new RangeError('a frame is too large')
  return bytes
}

/** Throws on anything but the canonical form of a frame within the limits. What it means is not looked at. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const [number, ...fields] = readFrameArray(bytes, LIMITS.syncFrameBytes)
  switch (number) {
    case NUMBER.state: {
      const [frontier, members, ask] = fieldsOf(fields, 3)
      return {
        type: 'state',
        frontier: bytesOf(frontier, SHORT_HASH_BYTES),
        members: bytesOf(members, 8),
        ask: booleanOf(ask),
      }
    }
    case NUMBER.members: {
      const [documents, more] = fieldsOf(fields, 2)
      const list = listOf(documents, 0, LIMITS.syncMemberDocuments)
      return {
        type: 'members',
        documents: list.map((document) => bytesOf(document, 1, LIMITS.syncMemberDocumentBytes)),
        more: booleanOf(more),
      }
    }
    case NUMBER.have: {
      const [headList, floorList] = listOf(fields, 1, 2)
      const heads = distinct(listOf(headList, 0, LIMITS.spaceLogs).map(readHead))
      if (floorList === undefined) return { type: 'have', heads }
      return {
        type: 'have',
        heads,
        floors: distinct(listOf(floorList, 1, LIMITS.spaceLogs).map(readFloor)),
      }
    }
    case NUMBER.want: {
      const [runs, credit] = fieldsOf(fields, 2)
      return {
        type: 'want',
        runs: distinct(listOf(runs, 1, LIMITS.spaceLogs).map(readRun)),
        credit: integerOf(credit, 1, LIMITS.syncCreditBytesMax),
      }
    }
    case NUMBER.totals: {
      const [operations] = fieldsOf(fields, 1)
      return { type: 'totals', operations: integerOf(operations, 1) }
    }
    case NUMBER.segment: {
      const [segment] = fieldsOf(fields, 1)
      return { type: 'segment', bytes: bytesOf(segment, 1, LIMITS.syncFrameBytes) }
    }
    case NUMBER.ack: {
      const [credit] = fieldsOf(fields, 1)
      return { type: 'ack', credit: integerOf(credit, 1) }
    }
    case NUMBER['want-blobs']: {
      const [hashes] = fieldsOf(fields, 1)
      const list = listOf(hashes, 1, LIMITS.syncHashes)
      return { type: 'want-blobs', hashes: list.map((hash) => bytesOf(hash, 32)) }
    }
    case NUMBER.blob: {
      const [hash, offset, total, piece] = fieldsOf(fields, 4)
      return {
        type: 'blob',
        hash: bytesOf(hash, 32),
        offset: integerOf(offset, 0),
        total: integerOf(total, 0, LIMITS.syncBlobBytes),
        bytes: bytesOf(piece, 0, LIMITS.syncBlobPieceBytes),
      }
    }
    case NUMBER.bye: {
      const [code] = fieldsOf(fields, 1)
      const reason = BYE_REASONS.find((name) => BYE_NUMBER[name] === code)
      if (!reason) throw new Error('a reason nobody knows')
      return { type: 'bye', reason }
    }
    case NUMBER.fork: {
      const [device, incarnation, ends, segments] = fieldsOf(fields, 4)
      return {
        type: 'fork',
        device: bytesOf(device, 32),
        incarnation: bytesOf(incarnation, 8),
        ends: listOf(ends, 0, LIMITS.syncForkEnds).map((item) => {
          const [sequence, hash] = fieldsOf(item, 2)
          return { sequence: integerOf(sequence, 1), hash: bytesOf(hash, 32) }
        }),
        segments: listOf(segments, 0, LIMITS.syncForkSegments).map((item) =>
          bytesOf(item, 1, LIMITS.syncFrameBytes),
        ),
      }
    }
    default: {
      if (isAuditNumber(number)) return readAuditFrame(number, fields)
      const frame = readSnapshotFrame(number, fields)
      if (frame) return frame
      throw new Error('a frame nobody knows')
    }
  }
}

function fieldsOfFrame(frame: Frame): Cbor[] {
  switch (frame.type) {
    case 'state':
      return [short(frame.frontier), frame.members, frame.ask]
    case 'members':
      return [frame.documents, frame.more]
    case 'have':
      return [
        frame.heads.map((head) => [...logFields(head), short(head.hash)]),
        ...(frame.floors?.length ? [frame.floors.map((floor) => [...logFields(floor), floor.closed])] : []),
      ]
    case 'want':
      return [frame.runs.map((run) => [...logFields(run), run.upTo - run.sequence]), frame.credit]
    case 'totals':
      return [frame.operations]
    case 'segment':
      return [frame.bytes]
    case 'ack':
      return [frame.credit]
    case 'want-blobs':
      return [frame.hashes]
    case 'blob':
      return [frame.hash, frame.offset, frame.total, frame.bytes]
    case 'fork':
      return [
        frame.device,
        frame.incarnation,
        frame.ends.map(({ sequence, hash }) => [sequence, hash]),
        frame.segments,
      ]
    case 'bye':
      return [BYE_NUMBER[frame.reason]]
    default:
      return isSnapshotFrame(frame) ? snapshotFields(frame) : auditFields(frame)
  }
}

function short(hash: Uint8Array): Uint8Array {
  return hash.subarray(0, SHORT_HASH_BYTES)
}

function logFields({ device, incarnation, sequence }: LogPosition): Cbor[] {
  return [device, incarnation, sequence]
}

function readHead(item: Cbor): LogHead {
  const [device, incarnation, sequence, hash] = fieldsOf(item, 4)
  return { ...readLog(device, incarnation, sequence), hash: bytesOf(hash, SHORT_HASH_BYTES) }
}

function readFloor(item: Cbor): LogFloor {
  const [device, incarnation, sequence, closed] = fieldsOf(item, 4)
  return { ...readLog(device, incarnation, sequence), closed: booleanOf(closed) }
}

/** The end of a run is told by how many operations follow its first: a small number where little is missing. */
function readRun(item: Cbor): WantedRun {
  const [device, incarnation, sequence, following] = fieldsOf(item, 4)
  const log = readLog(device, incarnation, sequence)
  return { ...log, upTo: log.sequence + integerOf(following, 0, Number.MAX_SAFE_INTEGER - log.sequence) }
}

function readLog(device?: Cbor, incarnation?: Cbor, sequence?: Cbor): LogPosition {
  return {
    device: bytesOf(device, 32),
    incarnation: bytesOf(incarnation, 8),
    sequence: integerOf(sequence, 1),
  }
}

function distinct<T extends LogPosition>(logs: T[]): T[] {
  if (new Set(logs.map(logName)).size !== logs.length) throw new Error('a frame names a log twice')
  return logs
}
