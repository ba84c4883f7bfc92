import { setTimeout as delay } from 'node:timers/promises'

/** Looks again and again until it is so; milliseconds it took. What never happens fails the test with its name. */
export async function eventually(what: string, is: () => unknown, withinMs = 30_000): Promise<number> {
  const began = performance.now()
  while (!(await is())) {
    if (performance.now() - began > withinMs) throw new Error(`${what}: not within ${withinMs} ms`)
    await delay(20)
  }
  return performance.now() - began
}
