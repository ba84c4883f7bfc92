import type { Invocation } from '../command.ts'
import { methodCommand } from '../method-command.ts'
import { generationView, lookupView, masterView, membershipView, statsView } from '../views/master.ts'

const lookup = methodCommand('master.lookup', { view: lookupView })

export const masterCommands = {
  status: methodCommand('master.status', { view: masterView }),
  join: methodCommand('master.join', { view: membershipView }),
  leave: methodCommand('master.leave', { view: membershipView }),
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
