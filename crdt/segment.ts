import { encodeCanonical } from './cbor.ts'
import type { LogId } from './log.ts'

/** What one signature covers: a run of a log's operations, bound by the hash of the last and all before it. */
export interface SegmentHeader extends LogId {
  /** Sequence of the first operation, from 1. */
  readonly first: number
  readonly count: number
  /** Hash of the operation before `first`. */
  readonly previousHash: Uint8Array
  /** Head of the membership log the author knew; 32 zero bytes in a private space. */
  readonly membershipHead: Uint8Array
  /** Hash of the last operation. */
  readonly headHash: Uint8Array
}

const SEGMENT_VERSION = 1

/** The bytes an author signs: canonical CBOR of the header. */
export function segmentMessage(header: SegmentHeader): Uint8Array {
  return encodeCanonical([
    'vivim/segment/1',
    SEGMENT_VERSION,
    header.space,
    header.device,
    header.incarnation,
    header.first,
    header.count,
    header.previousHash,
    header.membershipHead,
    header.headHash,
  ])
}
