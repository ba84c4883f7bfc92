import { type Config, loadConfig } from '../../config/config.ts'
import { clientPaths, configFile, type Paths, resolveHome } from '../../config/paths.ts'
import type { Environment, OptionValues } from './command.ts'

export interface ConfigSources {
  readonly options: OptionValues
  readonly env: Environment
  readonly cwd: string
}

/** The settings and paths as a client of the node sees them. */
export function clientConfig({ options, env, cwd }: ConfigSources): { config: Config; paths: Paths } {
  const home = resolveHome({ flag: options.home as string | undefined, env, cwd })
  const flags = { socket: options.socket, user: options.user } as Record<string, string | undefined>
  const config = loadConfig({ file: configFile(home), flags, env, cwd })
  const paths = clientPaths({
    home,
    env,
    socket: config.value('socket'),
    users: config.value('users.dir'),
  })
  return { config, paths }
}
