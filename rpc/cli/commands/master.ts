import { methodCommand } from '../method-command.ts'
import { generationView, lookupView, masterView } from '../views/master.ts'

export const masterCommands = {
  status: methodCommand('master.status', { view: masterView }),
  'new-generation': methodCommand('master.newGeneration', { view: generationView }),
  lookup: methodCommand('master.lookup', { view: lookupView }),
}
