import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { EngineThread } from './engine-thread.ts'
import { LinkedUserHost } from './linked-user-host.ts'
import { removeStaleLock } from './stale-lock.ts'
import type { OpenUserHost } from './user-host.ts'

/** Run as source in development and as compiled files where the package is installed. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

/**
 * A user whose engine grows beyond this dies alone instead of taking the node along. The small young generation keeps
 * an idle user small: its two halves are resident once they were filled.
 */
const RESOURCES = { maxOldGenerationSizeMb: 1_024, maxYoungGenerationSizeMb: 8, stackSizeMb: 4 }

/** Hosts each engine in a worker thread of its own. `entry` is a module that calls `serveUserEngine`. */
export function workerUserHosts(entry: URL = ENTRY): OpenUserHost {
  return (engine, options) => {
    removeStaleLock(engine.databasePath)
    const worker = new Worker(entry, {
      workerData: engine,
      transferList: engine.tokenizer ? [engine.tokenizer] : [],
      resourceLimits: RESOURCES,
      // Neither the node's own flags (a debugger's port, say) nor its environment concern a user's engine.
      execArgv: [],
      env: compileCache(),
      name: 'vivimd user',
    })
    return LinkedUserHost.open(threadOf(worker, engine.databasePath), options)
  }
}

/**
 * Threads do not inherit the compile cache. With it, and from source, each starts in half the time and 10 MB smaller,
 * because it need not load the compiler that strips types.
 */
function compileCache(): Record<string, string> {
  const versioned = getCompileCacheDir()
  return versioned === undefined ? {} : { NODE_COMPILE_CACHE: dirname(versioned) }
}

function threadOf(worker: Worker, databasePath: string): EngineThread {
  const exited = Promise.withResolvers<void>()
  let failure = ''
  worker.on('error', (error: Error & { code?: string }) => {
    failure = error.code ?? error.name
  })
  worker.once('exit', (code) => {
    removeStaleLock(databasePath)
    failure ||= `exit code ${code}`
    exited.resolve()
  })
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen: (onMessage, onGone) => {
      worker.on('message', onMessage)
      void exited.promise.then(() => onGone(failure))
    },
    stop: async () => {
      await worker.terminate()
      await exited.promise
    },
  }
}
