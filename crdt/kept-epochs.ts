import type { EpochKey } from './sealed-message.ts'

/**
 * Of epochs, the oldest first, those that are still spoken under: the newest, and each that another one followed less
 * than `forMs` ago. An epoch is named by the moment it began (milliseconds UTC).
 */
export function keptEpochs(epochs: readonly EpochKey[], now: number, forMs: number): EpochKey[] {
  return epochs.filter((_, index) => {
    const next = epochs[index + 1]
    return next === undefined || next.epoch > now - forMs
  })
}
