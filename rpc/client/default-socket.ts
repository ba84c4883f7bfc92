import { clientPaths, resolveHome } from '../../config/paths.ts'

/** Where a node of this account listens: `VIVIM_SOCKET`, else where the node of the home folder says it does. */
export function defaultSocket(env: NodeJS.ProcessEnv, cwd: string): string {
  const home = resolveHome({ env, cwd })
  return clientPaths({ home, env, socket: env.VIVIM_SOCKET || undefined }).socket
}
