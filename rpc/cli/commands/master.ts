import { methodCommand } from '../method-command.ts'
import { lookupView, masterView } from '../views/master.ts'

export const masterCommands = {
  status: methodCommand('master.status', { view: masterView }),
  lookup: methodCommand('master.lookup', { view: lookupView }),
}
