import { MessageChannel } from 'node:worker_threads'
import type { EngineThread } from './engine-thread.ts'
import { LinkedUserHost } from './linked-user-host.ts'
import { serveUserEngine } from './serve-user-engine.ts'
import { removeStaleLock } from './stale-lock.ts'
import type { OpenUserEngine } from './user-engine-options.ts'
import type { OpenUserHost } from './user-host.ts'

/** Hosts engines in this thread, over the same messages as a worker: for tests and tools. */
export function inThreadUserHosts(openEngine: OpenUserEngine): OpenUserHost {
  return (engine, options) => {
    removeStaleLock(engine.databasePath)
    const { port1: here, port2: there } = new MessageChannel()
    // Closing the port tells the host after everything that was said before.
    void serveUserEngine(there, engine, openEngine).finally(() => there.close())
    const thread: EngineThread = {
      post: (message, transfer) => here.postMessage(message, transfer),
      listen: (onMessage, onGone) => {
        here.on('message', onMessage)
        here.on('close', () => onGone('closed'))
      },
      stop: async () => here.close(),
    }
    return LinkedUserHost.open(thread, options)
  }
}
