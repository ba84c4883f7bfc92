import type { Result } from '../../schema/methods/index.ts'
import type { OpenVault } from './open-vault.ts'

/** What a person is told of their clock. */
export function clockState({
  logs,
  space,
  clockWatch,
}: Pick<OpenVault, 'logs' | 'space' | 'clockWatch'>): Result<'sync.status'>['spaces'][number]['clock'] {
  const waiting = logs
    .list(space)
    .reduce((sum, { suspect, head_seq }) => sum + (suspect === null ? 0 : head_seq), 0)
  return {
    suspect: waiting > 0 || (clockWatch.isCompared && !clockWatch.isRight),
    waiting,
    aheadMs: clockWatch.aheadMs ?? null,
  }
}
