import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Where a node of this account listens: `VIVIM_SOCKET`, else the socket in the home folder, else the place that
 * `run/where.json` of that folder names because its own path would be too long.
 */
export function defaultSocket(environment: NodeJS.ProcessEnv): string {
  if (environment.VIVIM_SOCKET) return environment.VIVIM_SOCKET
  const run = join(homeFolder(environment), 'run')
  return recordedSocket(join(run, 'where.json')) ?? join(run, 'vivimd.sock')
}

function homeFolder({ VIVIM_HOME, XDG_DATA_HOME }: NodeJS.ProcessEnv): string {
  if (VIVIM_HOME) return VIVIM_HOME
  return join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'vivim')
}

function recordedSocket(file: string): string | undefined {
  try {
    const { socket } = JSON.parse(readFileSync(file, 'utf8')) as { socket?: unknown }
    return typeof socket === 'string' ? socket : undefined
  } catch {
    return undefined
  }
}
