import { setImmediate as nextTurn } from 'node:timers/promises'

/** Awaited between pieces of long work: gives interactive calls a turn once a slice has run its time. */
export type Pace = () => Promise<void>

/** A pace whose slices run `sliceMs`; never await it inside a transaction. */
export function createPace(sliceMs = 5): Pace {
  let sliceStart = performance.now()
  return async () => {
    if (performance.now() - sliceStart < sliceMs) return
    await nextTurn()
    sliceStart = performance.now()
  }
}
