import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { LIMITS } from '../schema/limits.ts'

/** Where everything of a node is; all absolute. */
export interface Paths {
  readonly home: string
  readonly socket: string
  readonly users: string
  readonly config: string
  readonly log: string
  readonly master: string
  readonly keys: string
  readonly run: string
}

type Environment = Readonly<Record<string, string | undefined>>

export interface HomeOptions {
  /** `--home`. */
  readonly flag?: string | undefined
  readonly env: Environment
  readonly cwd: string
}

/** `--home` > `VIVIM_HOME` > `XDG_DATA_HOME`/vivim > ~/.local/share/vivim. */
export function resolveHome({ flag, env, cwd }: HomeOptions): string {
  const chosen = flag || env.VIVIM_HOME
  if (chosen) return resolve(cwd, chosen)
  // The XDG specification: a relative path is to be ignored.
  const data = env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : undefined
  return join(data ?? join(env.HOME || homedir(), '.local', 'share'), 'vivim')
}

export function configFile(home: string): string {
  return join(home, 'config.json')
}

export interface PathChoices {
  readonly home: string
  readonly env: Environment
  /** Overrides of the configuration. */
  readonly socket?: string | undefined
  readonly users?: string | undefined
}

/** The paths a node uses when it starts. */
export function nodePaths({ home, env, socket, users }: PathChoices): Paths {
  return { ...foldersOf(home, users), socket: socket ?? ownSocket(home, env) }
}

/** The same for a client: the socket is where the node says it is. */
export function clientPaths(choices: PathChoices): Paths {
  const paths = nodePaths(choices)
  if (choices.socket !== undefined) return paths
  return { ...paths, socket: recordedSocket(paths.run) ?? paths.socket }
}

/** The folder was made for this node alone, so it may be made private. */
export function ownsSocketFolder({ home, socket }: Paths, env: Environment): boolean {
  return socket === ownSocket(home, env)
}

/** Where the socket is when nothing overrides it: `run/` of the home if the kernel takes so long a path. */
function ownSocket(home: string, env: Environment): string {
  const natural = naturalSocket(home)
  if (Buffer.byteLength(natural) <= LIMITS.socketPathBytes) return natural
  const name = `vivim-${createHash('sha256').update(home).digest('hex').slice(0, 8)}`
  const runtime = env.XDG_RUNTIME_DIR
  const inRuntime = runtime?.startsWith('/') ? join(runtime, name, 'vivimd.sock') : undefined
  if (inRuntime !== undefined && Buffer.byteLength(inRuntime) <= LIMITS.socketPathBytes) return inRuntime
  return join(tmpdir(), name, 'vivimd.sock')
}

export function naturalSocket(home: string): string {
  return join(home, 'run', 'vivimd.sock')
}

function recordedSocket(run: string): string | undefined {
  try {
    const { socket } = JSON.parse(readFileSync(join(run, 'where.json'), 'utf8')) as { socket?: unknown }
    return typeof socket === 'string' ? socket : undefined
  } catch {
    return undefined
  }
}

function foldersOf(home: string, users = join(home, 'users')): Omit<Paths, 'socket'> {
  return {
    home,
    users,
    config: configFile(home),
    log: join(home, 'log'),
    master: join(home, 'master'),
    keys: join(home, 'keys'),
    run: join(home, 'run'),
  }
}
