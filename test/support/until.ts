import { setTimeout as pause } from 'node:timers/promises'

/** Looks again and again until `look` answers something; throws when it takes longer than `withinMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  withinMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new Error(`not within ${withinMs / 1_000} s: ${what}`)
    await pause(25)
  }
}
