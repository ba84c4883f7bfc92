import type { Result } from '../../../schema/methods/index.ts'
import { date, oneLine } from './text.ts'

type Backup = Result<'backup.create'>

export function createdBackupView(backup: Backup): string {
  const { path, bytes, deviceDid } = backup
  return `Backup of ${whose(backup)}: ${path}, ${megabytes(bytes)}\nIf this file is lost: vivimd device lost ${deviceDid}\n`
}

export function verifiedView(backup: Backup): string {
  return `Whole: ${whose(backup)} as of ${date(backup.createdAt)}, ${megabytes(backup.bytes)}\n`
}

export function restoredView(restored: Result<'backup.restore'>): string {
  return `Restored ${whose(restored)} as of ${date(restored.createdAt)}, as a new device: ${restored.deviceDid}\n`
}

function whose({ did, displayName }: Pick<Backup, 'did' | 'displayName'>): string {
  return oneLine(displayName ?? did)
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
