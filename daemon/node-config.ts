import { type Config, loadConfig } from '../config/config.ts'
import { configFile, nodePaths, type Paths, resolveHome } from '../config/paths.ts'
import type { Invocation } from '../rpc/cli/command.ts'
import { VivimError } from '../schema/errors.ts'

/** Options of `init` and `start` that are settings. */
const SETTING_FLAGS = ['socket', 'role', 'join', 'listen', 'log-level'] as const

/** The settings and paths as the node itself sees them. */
export function nodeConfig({ options, env, cwd }: Pick<Invocation, 'options' | 'env' | 'cwd'>): {
  config: Config
  paths: Paths
  flags: Record<string, string>
} {
  const home = resolveHome({ flag: options.home as string | undefined, env, cwd })
  const given = SETTING_FLAGS.flatMap((name) => {
    const value = options[name]
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  const flags = Object.fromEntries(given)
  const config = loadConfig({ file: configFile(home), flags, env, cwd })
  const paths = nodePaths({ home, env, socket: config.value('socket'), users: config.value('users.dir') })
  return { config, paths, flags }
}

/** This build is whole without a network and has none. @throws VivimError `Unavailable` */
export function refuseNetworkRoles(config: Config): void {
  if (config.value('role') === 'solo' && config.value('network.join') === undefined) return
  throw new VivimError('Unavailable', 'This build has no network yet: a node can only be solo.', {
    hint: 'Leave out --role and --join, VIVIM_ROLE and VIVIM_JOIN.',
  })
}
