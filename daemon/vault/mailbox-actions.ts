import type { LogPosition } from '../../crdt/frontier.ts'
import type { OpenVault } from './open-vault.ts'
import type { SyncCursors } from './sync-cursors.ts'

/** A log of which another device has not said that it holds all: what it holds by its own word, and what is here. */
export interface LogBeyond extends LogPosition {
  readonly head: number
}

/** What a keeper holds for another device. */
export interface LeftAtKeeper {
  readonly operations: number
  /** It had no room for all of it. */
  readonly full: boolean
  /** Milliseconds UTC. */
  readonly at: number
}

/** What leaving operations for devices that are away asks of a user's vault. */
export interface MailboxActions {
  /** Logs of others than that device, beyond what it acknowledged. */
  beyond(params: { readonly device: Uint8Array }): readonly LogBeyond[]
  /** What the keeper calls now, milliseconds UTC: writes that waited for somebody to compare clocks with may go. */
  keeperTime(params: { readonly time: number }): null
  /** Shown to people until the database closes. */
  leftAtKeeper(params: { readonly device: Uint8Array; readonly left: LeftAtKeeper }): null
}

export function mailboxActions(
  vault: OpenVault,
  cursors: SyncCursors,
  settleClock: () => void,
): MailboxActions {
  return {
    beyond: ({ device }) => {
      const logs = new Map(vault.logs.list(vault.space).map((log) => [log.ref, log]))
      return cursors.cursorsOf(device).flatMap(({ log: ref, sequence, head }) => {
        const log = logs.get(ref)
        if (!log || sequence >= head) return []
        const before = log.start - 1
        const { device: author, incarnation } = log
        return [{ device: author, incarnation, sequence: sequence - before, head: head - before }]
      })
    },
    keeperTime: ({ time }) => {
      vault.clockWatch.hearKeeper(time)
      settleClock()
      return null
    },
    leftAtKeeper: ({ device, left }) => {
      cursors.noteLeft(device, left)
      return null
    },
  }
}
