import { setTimeout as pause } from 'node:timers/promises'
import { clientConfig } from '../rpc/cli/client-config.ts'
import type { Command, Invocation } from '../rpc/cli/command.ts'
import { CliFailure, EXIT_NO_NODE } from '../rpc/cli/failure.ts'
import { stoppedView } from '../rpc/cli/views/node.ts'
import { VivimError } from '../schema/errors.ts'
import { isHolderAlive, isLockHeld, type LockHolder, readLockHolder } from './lock.ts'
import { isRunning, startTicks } from './process-start.ts'

const TIMEOUT_SECONDS = 10
const POLL_MS = 20

/** Asks the node to stop and returns when its process is gone and its home is free. */
export const stopCommand: Command = {
  usage: '',
  options: { timeout: { type: 'number', value: 'SECONDS', help: 'how long to wait; default 10' } },
  async run(invocation) {
    const { paths } = clientConfig(invocation)
    const seconds = (invocation.options.timeout as number | undefined) ?? TIMEOUT_SECONDS
    const deadline = performance.now() + seconds * 1_000
    const pid = await askToStop(invocation, readLockHolder(paths.run))
    const ticks = startTicks(pid)
    while ((ticks !== undefined && isRunning(pid, ticks)) || (await isLockHeld(paths.home))) {
      if (performance.now() > deadline) throw tooSlow(pid, seconds)
      await pause(POLL_MS)
    }
    const result = { pid, stopped: true }
    invocation.print(result, () => stoppedView(result))
    return 0
  },
}

/** Over the socket, or by a signal when a node that still holds its home no longer answers. */
async function askToStop({ client, note }: Invocation, holder: LockHolder | undefined): Promise<number> {
  try {
    const node = await client()
    return (await node.call('node.shutdown', { reason: 'vivimd stop' })).pid
  } catch (error) {
    const silent = error instanceof CliFailure && error.exit === EXIT_NO_NODE
    if (!silent || holder === undefined || !isHolderAlive(holder)) throw error
    note(`The node does not answer; asking process ${holder.pid} by a signal.`)
    process.kill(holder.pid, 'SIGTERM')
    return holder.pid
  }
}

function tooSlow(pid: number, seconds: number): VivimError {
  return new VivimError('Unavailable', `The node did not stop within ${seconds} s.`, {
    hint: `Its log says what it waits for; \`kill -9 ${pid}\` ends it, and loses nothing acknowledged.`,
  })
}
