import type { Handlers } from '../../rpc/types.ts'
import type { NodeContext } from '../node-context.ts'

type BackupHandlers = Pick<Handlers, 'backup.create' | 'backup.verify' | 'backup.restore'>

export function backupHandlers({ backups }: NodeContext): BackupHandlers {
  return {
    'backup.create': (params) => backups.create(params),
    'backup.verify': (params) => backups.verify(params),
    'backup.restore': (params) => backups.restore(params),
  }
}
