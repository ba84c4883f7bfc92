import { methodCommand } from '../method-command.ts'
import {
  acceptedView,
  compactedView,
  confirmedView,
  cursorsView,
  dismissedView,
  erasuresView,
  forksView,
  operationsView,
  rebuiltView,
  recoveredView,
  snapshotView,
  syncedView,
  syncView,
  verifyView,
} from '../views/sync.ts'
import { auditView, holdsView } from '../views/sync-audit.ts'

/** 1: rows differed; 7: a device was not asked or could not be compared with. */
function auditExit(results: readonly string[]): number {
  if (results.includes('different')) return 1
  return results.every((result) => result === 'same') ? 0 : 7
}

export const syncCommands = {
  verify: methodCommand('sync.verify', { view: verifyView, exit: ({ ok }) => (ok ? 0 : 1) }),
  rebuild: methodCommand('sync.rebuild', { view: rebuiltView }),
  status: methodCommand('sync.status', { view: syncView }),
  now: methodCommand('sync.now', {
    view: syncedView,
    exit: ({ devices }) => (devices.every(({ state }) => state === 'in-sync') ? 0 : 7),
  }),
  audit: methodCommand('sync.audit', {
    view: auditView,
    exit: ({ devices }) => auditExit(devices.map(({ result }) => result)),
  }),
  holds: methodCommand('sync.holds', { view: holdsView }),
  cursors: methodCommand('sync.cursors', { view: cursorsView }),
  forks: methodCommand('sync.forks', { view: forksView }),
  erasures: methodCommand('sync.erasures', { view: erasuresView }),
  confirmErasure: methodCommand('sync.erasures.confirm', { view: confirmedView }),
  compact: methodCommand('sync.compact', { view: compactedView }),
  snapshot: methodCommand('sync.snapshot', { view: snapshotView }),
  recovered: methodCommand('sync.recovered.list', { view: recoveredView }),
  acceptRecovered: methodCommand('sync.recovered.accept', { view: acceptedView }),
  dismissRecovered: methodCommand('sync.recovered.dismiss', { view: dismissedView }),
  operations: methodCommand('sync.operations', { view: operationsView }),
}
