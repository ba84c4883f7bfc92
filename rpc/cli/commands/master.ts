import { methodCommand } from '../method-command.ts'
import { generationView, lookupView, masterView, membershipView } from '../views/master.ts'

export const masterCommands = {
  status: methodCommand('master.status', { view: masterView }),
  join: methodCommand('master.join', { view: membershipView }),
  leave: methodCommand('master.leave', { view: membershipView }),
  'new-generation': methodCommand('master.newGeneration', { view: generationView }),
  lookup: methodCommand('master.lookup', { view: lookupView }),
}
