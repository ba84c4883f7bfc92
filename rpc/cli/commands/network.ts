import { methodCommand } from '../method-command.ts'
import { networkView } from '../views/network.ts'

export const networkCommands = {
  status: methodCommand('network.status', { view: networkView }),
}
