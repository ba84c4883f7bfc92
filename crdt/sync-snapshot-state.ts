import type { LogFloor } from './floor.ts'
import type { LogPosition } from './frontier.ts'

/** Where the past ends for one side. */
export interface KnownFloors {
  /** Below these positions its logs do not tell everything, and every device that is counted on knows. */
  readonly floors: readonly LogFloor[]
  /** Logs of which it takes nothing more. */
  readonly closed: readonly LogFloor[]
  /**
   * It let go of operations that it needs again, and begins again from what somebody has who did not. Of these logs
   * nothing counts after these positions. Undefined: it has all that it needs.
   */
  readonly lacks: readonly LogPosition[] | undefined
}

/** What a session remembers of snapshots. */
export interface SnapshotState {
  readonly own: KnownFloors
  /** As the other side said last. */
  readonly peer: readonly LogFloor[]
  readonly taking:
    | undefined
    | { readonly at: 'asked' | 'checking' }
    | {
        readonly at: 'fetching' | 'storing' | 'installing'
        readonly root: Uint8Array
        readonly next: number
        readonly total: number
      }
  /** The other side needs one itself. */
  readonly declined: boolean
  readonly giving: undefined | 'making' | 'made' | 'reading'
}

export const NO_SNAPSHOT: SnapshotState = {
  own: { floors: [], closed: [], lacks: undefined },
  peer: [],
  taking: undefined,
  declined: false,
  giving: undefined,
}
