import { z } from 'zod'
import { LIMITS } from '../schema/limits.ts'
import { isListenAddress } from './multiaddr.ts'

/** One setting, defined once: its key in the file, its environment variable, its flag, its check and its text. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  readonly schema: S
  /** Undefined: not set unless somebody sets it. */
  readonly default: z.output<S> | undefined
  readonly env?: string
  /** Without the dashes. */
  readonly flag?: string
  /** It can change while the node runs. */
  readonly dynamic?: true
  /** It may hold a password: shown to nobody, only that it is set. */
  readonly secret?: true
  /** A path: made absolute. */
  readonly path?: true
  readonly description: string
}

function setting<S extends z.ZodType>(definition: Setting<S> & { readonly default: z.output<S> }) {
  return definition
}

/** A setting that has no value unless somebody gives it one. */
function unset<S extends z.ZodType>(definition: Omit<Setting<S>, 'default'>) {
  return { ...definition, default: undefined }
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

const Path = z.string().min(1).max(4_096)

export const SETTINGS = {
  role: setting({
    schema: z.enum(['solo', 'bootstrap', 'member']),
    default: 'solo',
    env: 'VIVIM_ROLE',
    flag: 'role',
    description: 'What this node is to others: solo, bootstrap (keeps the registry) or member (joined one).',
  }),
  'network.enabled': setting({
    schema: z.boolean(),
    default: true,
    dynamic: true,
    description: 'Whether this node talks to others; false takes it offline at once.',
  }),
  'network.mdns': setting({
    schema: z.boolean(),
    default: true,
    description: 'Whether this node announces itself on the local network and looks for others there.',
  }),
  'network.listen': unset({
    schema: z.string().refine(isListenAddress, 'a multiaddr such as /ip4/127.0.0.1/tcp/4001'),
    env: 'VIVIM_LISTEN',
    flag: 'listen',
    description: 'Where this node listens for others; a free port is chosen once and kept.',
  }),
  'network.join': unset({
    schema: z.string().min(1).max(4_096),
    env: 'VIVIM_JOIN',
    flag: 'join',
    description:
      'The bootstrap node to join: its multiaddr, with its peer id at the end, or an invite of somebody on it.',
  }),
  'network.bootstrap': unset({
    schema: z.string().min(1).max(4_096),
    description:
      'Bootstrap nodes beside the one joined, with spaces between; a node that joins none uses them too.',
  }),
  'network.relay': setting({
    schema: z.boolean(),
    default: true,
    description:
      'Whether bootstrap nodes carry to this node when nobody reaches it; theirs: whether they do.',
  }),
  'network.upnp': setting({
    schema: z.boolean(),
    default: true,
    description: 'Whether this node asks the router to let others in.',
  }),
  'master.databaseUrl': unset({
    schema: z.string().min(1).max(4_096),
    env: 'MASTER_DATABASE_URL',
    secret: true,
    description: 'A PostgreSQL for the bootstrap role; without it the node runs one of its own.',
  }),
  'master.shareCounts': setting({
    schema: z.boolean(),
    default: true,
    dynamic: true,
    description:
      'Whether the master is told how often something was captured from which known provider; counts of the node, nothing else.',
  }),
  'log.level': setting({
    schema: z.enum(LOG_LEVELS),
    default: 'info',
    env: 'VIVIM_LOG_LEVEL',
    flag: 'log-level',
    dynamic: true,
    description: 'How much the log says: trace, debug, info, warn, error or silent.',
  }),
  'limits.openUsers': setting({
    schema: z.int().min(1).max(1_000),
    default: LIMITS.openUsers,
    description: 'Users whose databases are open at once; each takes a worker thread.',
  }),
  'users.dir': unset({
    schema: Path,
    env: 'USER_DB_DIR',
    path: true,
    description: "Where the users' databases are; default: users/ in the home.",
  }),
  socket: unset({
    schema: Path,
    env: 'VIVIM_SOCKET',
    flag: 'socket',
    path: true,
    description: 'The Unix socket of the node; default: run/vivimd.sock in the home.',
  }),
  user: unset({
    schema: z.string().min(1).max(LIMITS.nameCharacters),
    env: 'VIVIM_USER',
    flag: 'user',
    description: 'Whom the command line signs in as: a DID or a display name.',
  }),
  passphraseFile: unset({
    schema: Path,
    env: 'VIVIM_PASSPHRASE_FILE',
    path: true,
    description: 'A file with the passphrase the command line signs in with.',
  }),
  isolation: setting({
    schema: z.literal(true, 'There is no shared mode: every user has a database of their own.'),
    default: true,
    env: 'PER_USER_ISOLATION',
    description: 'Every user has a database of their own; it cannot be turned off.',
  }),
  'test.clockOffsetMs': setting({
    schema: z.int(),
    default: 0,
    env: 'VIVIM_TEST_CLOCK_OFFSET_MS',
    description: 'For tests: milliseconds added to the clock.',
  }),
} as const

export type SettingKey = keyof typeof SETTINGS

/** The values of all settings. */
export type Settings = {
  readonly [K in SettingKey]:
    | z.output<(typeof SETTINGS)[K]['schema']>
    | Unset<(typeof SETTINGS)[K]['default']>
}
type Unset<D> = [D] extends [undefined] ? undefined : never

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[]

export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(SETTINGS, key)
}

/** A setting under its general type. */
export function settingOf(key: SettingKey): Setting {
  return SETTINGS[key] as Setting
}
