import type { SyncEffect, SyncEvent } from '../../crdt/engine.ts'
import type { ReplicaActions } from '../../daemon/vault/replica.ts'
import { VivimError } from '../../schema/errors.ts'

/** What a device does that was away for long, and what others do for it. */
export type SnapshotActions = Pick<
  ReplicaActions,
  'floors' | 'makeSnapshot' | 'readChunk' | 'beginSnapshot' | 'storeChunk' | 'installSnapshot'
>

/**
 * Carries out an effect that is about snapshots, when called; undefined for any other one. Of two that are given at once
 * one is refused: what is here of it goes when the other begins.
 */
export function snapshotAnswer(actions: SnapshotActions, effect: SyncEffect): (() => SyncEvent) | undefined {
  const carryOut = answerOf(actions, effect)
  return (
    carryOut &&
    (() => {
      try {
        return carryOut()
      } catch (error) {
        if (error instanceof VivimError && ['Corrupt', 'Forbidden', 'NotFound'].includes(error.code))
          return { type: 'refused' }
        throw error
      }
    })
  )
}

function answerOf(actions: SnapshotActions, effect: SyncEffect): (() => SyncEvent) | undefined {
  switch (effect.type) {
    case 'make-snapshot':
      return () => ({ type: 'snapshot-made', ...actions.makeSnapshot({}) })
    case 'begin-snapshot':
      return () => ({ type: 'snapshot-begun', ...actions.beginSnapshot(effect) })
    case 'read-chunk':
      return () => ({ type: 'chunk-read', position: effect.position, ...actions.readChunk(effect) })
    case 'store-chunk':
      return () => ({ type: 'chunk-stored', ...actions.storeChunk(effect) })
    case 'install-snapshot':
      return () => {
        actions.installSnapshot(effect)
        return { type: 'snapshot-installed' }
      }
    default:
      return undefined
  }
}
