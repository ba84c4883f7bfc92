import { pause } from './processes.ts'

/** A step that did not do what it says ends the demo with this sentence. */
export function expect(condition: unknown, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise)
}

/** Looks again and again until `look` answers something; milliseconds it may take. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  withinMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    expect(performance.now() < deadline, `${what}: not within ${withinMs / 1_000} s`)
    await pause(50)
  }
}
