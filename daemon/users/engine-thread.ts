import type { Transferable } from 'node:worker_threads'
import type { FromEngine, ToEngine } from './user-messages.ts'

/** Where an engine runs, as its host sees it. */
export interface EngineThread {
  /** Does nothing once the thread is gone. */
  post(message: ToEngine, transfer: readonly Transferable[]): void
  /** Called once, before the engine can answer. `onGone` tells, once, that it can no longer hold its files. */
  listen(onMessage: (message: FromEngine) => void, onGone: (reason: string) => void): void
  /** Lets it go, whatever it does; resolves when it can no longer hold its files. */
  stop(): Promise<void>
}
