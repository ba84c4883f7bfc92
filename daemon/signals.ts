import type { EventEmitter } from 'node:events'

export type StopSignal = 'SIGINT' | 'SIGTERM'

export interface SignalHandlers {
  /** The first signal. */
  stop(signal: StopSignal): void
  /** Any signal after it. */
  force(signal: StopSignal): void
}

/** Listens for SIGINT and SIGTERM; returns a function that ends it. `source` is `process`, but in tests. */
export function handleSignals({ stop, force }: SignalHandlers, source: EventEmitter = process): () => void {
  let seen = false
  const listeners = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const listener = () => {
      const first = !seen
      seen = true
      if (first) stop(signal)
      else force(signal)
    }
    source.on(signal, listener)
    return () => void source.off(signal, listener)
  })
  return () => {
    for (const remove of listeners) remove()
  }
}
