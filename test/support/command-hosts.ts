import { inThreadUserHosts } from '../../daemon/users/in-thread-user-host.ts'
import type { Progress } from '../../daemon/users/user-engine.ts'
import type { UserHost } from '../../daemon/users/user-host.ts'
import { workerUserHosts } from '../../daemon/users/worker-user-host.ts'
import { openCommandEngine } from './command-engine.ts'

export const commandWorkers = workerUserHosts(new URL('./command-engine-worker.ts', import.meta.url))
export const commandsInThread = inThreadUserHosts(openCommandEngine)

export interface CommandOptions {
  signal?: AbortSignal
  progress?: (progress: Progress) => void
  maxSecurityLevel?: number
  mayReadPaths?: boolean
  rest?: object
}

/** Gives the engine behind a host one command; answers what it answered. */
export async function command(host: UserHost, text: string, options: CommandOptions = {}): Promise<unknown> {
  const { signal = new AbortController().signal, progress = () => undefined, rest = {} } = options
  const { maxSecurityLevel = 5, mayReadPaths = false } = options
  const params = { query: text, ...rest } as Parameters<typeof host.call<'search.query'>>[1]
  const { items } = await host.call('search.query', params, {
    signal,
    progress,
    maxSecurityLevel,
    mayReadPaths,
  })
  return items[0]
}
