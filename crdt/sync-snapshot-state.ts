import type { LogFloor } from './floor.ts'

/** Where the past ends for one side. */
export interface KnownFloors {
  /** Below these positions its logs do not tell everything, and every device that is counted on knows. */
  readonly floors: readonly LogFloor[]
  /** Logs of which it takes nothing more. */
  readonly closed: readonly LogFloor[]
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
  readonly giving: undefined | 'making' | 'made' | 'reading'
}

export const NO_SNAPSHOT: SnapshotState = {
  own: { floors: [], closed: [] },
  peer: [],
  taking: undefined,
  giving: undefined,
}
