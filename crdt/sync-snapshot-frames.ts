import { LIMITS } from '../schema/limits.ts'
import type { Cbor } from './cbor.ts'
import { bytesOf, fieldsOf, integerOf } from './sync-fields.ts'

/** How a device that is below the other's floor begins again from what the other holds. */
export type SnapshotFrame =
  /** I am below your floor: what is there? */
  | { readonly type: 'want-snapshot' }
  /** An encoded snapshot header with its signature; empty: this side needs one itself. */
  | { readonly type: 'snapshot'; readonly header: Uint8Array }
  /** Send me this chunk of it: one at a time. */
  | { readonly type: 'want-chunk'; readonly root: Uint8Array; readonly position: number }
  /** Empty: it is not here any more. */
  | { readonly type: 'chunk'; readonly position: number; readonly bytes: Uint8Array }

export const SNAPSHOT_NUMBER = {
  'want-snapshot': 12,
  snapshot: 13,
  'want-chunk': 14,
  chunk: 15,
} as const satisfies Record<SnapshotFrame['type'], number>

/** Undefined for the number of another frame. @throws on fields that are not those of the frame */
export function readSnapshotFrame(number: unknown, fields: readonly Cbor[]): SnapshotFrame | undefined {
  switch (number) {
    case SNAPSHOT_NUMBER['want-snapshot']:
      fieldsOf(fields, 0)
      return { type: 'want-snapshot' }
    case SNAPSHOT_NUMBER.snapshot: {
      const [header] = fieldsOf(fields, 1)
      return { type: 'snapshot', header: bytesOf(header, 0, LIMITS.syncFrameBytes) }
    }
    case SNAPSHOT_NUMBER['want-chunk']: {
      const [root, position] = fieldsOf(fields, 2)
      return {
        type: 'want-chunk',
        root: bytesOf(root, 32),
        position: integerOf(position, 0, LIMITS.snapshotChunks - 1),
      }
    }
    case SNAPSHOT_NUMBER.chunk: {
      const [position, bytes] = fieldsOf(fields, 2)
      return {
        type: 'chunk',
        position: integerOf(position, 0, LIMITS.snapshotChunks - 1),
        bytes: bytesOf(bytes, 0, LIMITS.syncFrameBytes),
      }
    }
    default:
      return undefined
  }
}

export function snapshotFields(frame: SnapshotFrame): Cbor[] {
  switch (frame.type) {
    case 'want-snapshot':
      return []
    case 'snapshot':
      return [frame.header]
    case 'want-chunk':
      return [frame.root, frame.position]
    case 'chunk':
      return [frame.position, frame.bytes]
  }
}

export function isSnapshotFrame(frame: { readonly type: string }): frame is SnapshotFrame {
  return frame.type in SNAPSHOT_NUMBER
}
