import type { Invocation } from '../command.ts'
import { methodCommand } from '../method-command.ts'
import {
  actionsView,
  commandsView,
  generationView,
  lookupView,
  masterView,
  membershipView,
  paletteChangedView,
  statsView,
} from '../views/master.ts'

const lookup = methodCommand('master.lookup', { view: lookupView })

export const masterCommands = {
  status: methodCommand('master.status', { view: masterView }),
  join: methodCommand('master.join', { view: membershipView }),
  leave: methodCommand('master.leave', { view: membershipView }),
  commands: methodCommand('master.commands.list', { view: commandsView }),
  'command set': methodCommand('master.commands.set', { view: paletteChangedView }),
  'command remove': methodCommand('master.commands.remove', { view: paletteChangedView }),
  actions: methodCommand('master.actions.list', { view: actionsView }),
  'action set': methodCommand('master.actions.set', { view: paletteChangedView }),
  'action remove': methodCommand('master.actions.remove', { view: paletteChangedView }),
  stats: methodCommand('master.providerStats', { view: statsView }),
  'new-generation': methodCommand('master.newGeneration', { view: generationView }),
  lookup: {
    ...lookup,
    // Names are a person's own: whoever gives one is asked as whom.
    run: (invocation: Invocation) =>
      lookup.run(
        invocation.words[0]?.startsWith('did:') ? invocation : { ...invocation, client: invocation.signedIn },
      ),
  },
}
