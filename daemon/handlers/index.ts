import { introspectionHandlers } from '../../rpc/introspection.ts'
import type { Handlers } from '../../rpc/types.ts'
import type { NodeContext } from '../node-context.ts'
import { appHandlers } from './apps.ts'
import { authHandlers } from './auth.ts'
import { backupHandlers } from './backup.ts'
import { configHandlers } from './config.ts'
import { devicesHandlers } from './devices.ts'
import { masterHandlers } from './master.ts'
import { networkHandlers } from './network.ts'
import { nodeHandlers } from './node.ts'
import { peersHandlers } from './peers.ts'
import { syncHandlers } from './sync.ts'
import { usersHandlers } from './users.ts'

/** Every method the node itself answers. */
export function nodeMethodHandlers(node: NodeContext): Handlers {
  return {
    ...introspectionHandlers(node.version),
    ...nodeHandlers(node),
    ...usersHandlers(node),
    ...authHandlers(node),
    ...appHandlers(node),
    ...configHandlers(node),
    ...masterHandlers(node),
    ...networkHandlers(node),
    ...syncHandlers(node),
    ...devicesHandlers(node),
    ...peersHandlers(node),
    ...backupHandlers(node),
  }
}

export { userCallHandler } from './user-call.ts'
