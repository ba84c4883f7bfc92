import type { LogHead, LogPosition } from './frontier.ts'

/**
 * What two devices say to each other in one space once each knows that the other holds its key (`/vivim/sync/1`).
 * On the wire every frame is a canonical CBOR array that begins with its number.
 */
export type Frame =
  /** What I hold, in short. Opens a round, and closes one when both say the same. */
  | {
      readonly type: 'state'
      /** `frontierDigest`, 32 bytes. */
      readonly frontier: Uint8Array
      /** First 8 bytes of SHA-256 over the sorted member documents. */
      readonly members: Uint8Array
    }
  /** Certificates and records of the devices I know; sent when the digests of members differ. */
  | { readonly type: 'members'; readonly documents: readonly Uint8Array[] }
  /** The head of every log I hold; sent when the frontiers' digests differ. */
  | { readonly type: 'have'; readonly heads: readonly LogHead[] }
  /** Send me the logs' operations from these on; `credit` is how many bytes may be on the way without an ACK. */
  | { readonly type: 'want'; readonly from: readonly LogPosition[]; readonly credit: number }
  /** What is coming, for progress. */
  | { readonly type: 'totals'; readonly operations: number }
  /** An encoded `ShippedSegment`. */
  | { readonly type: 'segment'; readonly bytes: Uint8Array }
  /** These are stored durably; `credit` more bytes may be sent. */
  | { readonly type: 'ack'; readonly positions: readonly LogPosition[]; readonly credit: number }
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
  /** The other side broke the rules, or cannot go on: the stream ends after this. */
  | { readonly type: 'bye'; readonly reason: ByeReason }

/** Why a session ends. `not-a-device`: whoever has the key is not certified; `refused`: a segment did not verify. */
export type ByeReason = 'not-a-device' | 'refused' | 'protocol' | 'busy' | 'closing'
