import { type Config, loadConfig } from '../config/config.ts'
import { configFile, nodePaths, type Paths, resolveHome } from '../config/paths.ts'
import type { Settings } from '../config/settings.ts'
import type { Invocation } from '../rpc/cli/command.ts'
import { VivimError } from '../schema/errors.ts'
import { type JoinAddress, readJoinAddress } from './master/join-address.ts'
import type { Relay } from './network/options.ts'

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

/** What this node is to others, and where its master is. */
export interface NetworkRole {
  readonly role: Settings['role']
  /** Of a member: the bootstrap node it joined. */
  readonly join: JoinAddress | undefined
  /** Of a bootstrap node: somebody else's PostgreSQL in place of one of its own. */
  readonly databaseUrl: string | undefined
}

/**
 * The role that the settings mean together: an address to join makes a member of a node that was not told otherwise.
 * @throws VivimError `InvalidParams` for a member without a master, for an address that is none, and for a role that
 * joins nobody with an address given beside it
 */
export function networkRole(config: Config): NetworkRole {
  const joinText = config.value('network.join')
  const role = meantRole(config)
  if (role === 'member') {
    if (joinText !== undefined) return { role, join: readJoinAddress(joinText), databaseUrl: undefined }
    throw new VivimError('InvalidParams', 'A member needs a master to join.', {
      field: 'network.join',
      hint: 'Say where it is: --join /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…, or VIVIM_JOIN.',
    })
  }
  if (joinText !== undefined && isGiven(config, 'network.join')) {
    const why = role === 'bootstrap' ? 'keeps the registry itself' : 'has no master'
    throw new VivimError('InvalidParams', `A ${role} node joins nobody: it ${why}.`, {
      field: 'network.join',
      hint: 'Leave out --join and VIVIM_JOIN, or let the role be member.',
    })
  }
  const databaseUrl = role === 'bootstrap' ? config.value('master.databaseUrl') : undefined
  return { role, join: undefined, databaseUrl }
}

/**
 * The relays a node uses and whether it is one: those it was given, the master it joined before all.
 * @throws VivimError `InvalidParams` for an address that is none
 */
export function relaySettings(config: Config): {
  readonly relays: readonly Relay[]
  readonly isRelay: boolean
} {
  const { role, join } = networkRole(config)
  const on = config.value('network.relay')
  const given = (config.value('network.bootstrap') ?? '').split(/[\s,]+/).filter((text) => text !== '')
  const relays = [...(join ? [join] : []), ...given.map((text) => readJoinAddress(text, 'network.bootstrap'))]
  return { relays: on ? relays : [], isRelay: on && role === 'bootstrap' }
}

/** Writes what `init` was told of the role to the file, so that the node is the same without flags and environment. */
export function keepNetworkRole(config: Config): NetworkRole {
  const meant = networkRole(config)
  const { role, join } = meant
  if (config.value('role') !== role || isGiven(config, 'role')) config.store('role', role)
  if (join !== undefined && isGiven(config, 'network.join')) config.store('network.join', join.text)
  return meant
}

function meantRole(config: Config): Settings['role'] {
  const role = config.value('role')
  if (config.value('network.join') === undefined || isGiven(config, 'role')) return role
  if (config.get('role').origin === 'default') return 'member'
  return role === 'solo' && isGiven(config, 'network.join') ? 'member' : role
}

function isGiven(config: Config, key: 'role' | 'network.join'): boolean {
  const { origin } = config.get(key)
  return origin === 'flag' || origin === 'environment'
}
