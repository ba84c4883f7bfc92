import { methodCommand } from '../method-command.ts'
import { healthView, metricsView, statusView } from '../views/node.ts'

export const nodeCommands = {
  status: methodCommand('node.status', { view: statusView }),
  health: methodCommand('node.health', { view: healthView, exit: ({ ok }) => (ok ? 0 : 1) }),
  metrics: methodCommand('node.metrics', { view: metricsView }),
}
