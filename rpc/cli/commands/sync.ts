import { methodCommand } from '../method-command.ts'
import { operationsView, rebuiltView, syncView, verifyView } from '../views/sync.ts'

export const syncCommands = {
  verify: methodCommand('sync.verify', { view: verifyView, exit: ({ ok }) => (ok ? 0 : 1) }),
  rebuild: methodCommand('sync.rebuild', { view: rebuiltView }),
  status: methodCommand('sync.status', { view: syncView }),
  operations: methodCommand('sync.operations', { view: operationsView }),
}
