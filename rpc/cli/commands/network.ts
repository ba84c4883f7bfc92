import { methodCommand } from '../method-command.ts'
import { foundView, networkView } from '../views/network.ts'

export const networkCommands = {
  find: methodCommand('network.dht.find', { view: foundView }),
  status: methodCommand('network.status', { view: networkView }),
}
